"""`make deploy`: from a Google Cloud project and a Twilio number to a line that answers.

Python's standard library and gcloud are all it needs. Each step first checks whether it is already
done, so a run that stopped can be started again.
"""
