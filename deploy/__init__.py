"""`make deploy`: turns a Google Cloud project and a Twilio number into a line that answers.

It needs only Python's standard library and gcloud. Each step first checks whether it is already
done, so you can start a stopped run again.
"""
