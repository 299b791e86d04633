"""`make deploy`: from a Google Cloud project and a Twilio number to a line that answers.

Python's standard library and gcloud are all it needs. Each step first looks whether it is done, so
that a run which stopped can be started again.
"""
