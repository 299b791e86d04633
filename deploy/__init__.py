"""`make deploy`: turns a Google Cloud project and a Twilio number into a line that answers.

It needs only Python's standard library and gcloud. Each step first checks whether it is already
done, so if a run stops, you can just start it again.
"""
