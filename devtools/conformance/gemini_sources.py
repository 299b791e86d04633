"""Where what we assume of Gemini Live is written."""

from devtools.conformance.behaviours import Source, SourceKind

OTHERS = "users of the service in other projects"
SDK_SOURCE = "google-genai 3.4.0"
REFERENCE = Source(SourceKind.DOCUMENTATION, "[Live API reference](https://ai.google.dev/api/live)")
GUIDE = Source(
    SourceKind.DOCUMENTATION,
    "[Live API guide](https://ai.google.dev/gemini-api/docs/live-guide)",
)
TOOLS_GUIDE = Source(
    SourceKind.DOCUMENTATION,
    "[Live API, tools](https://ai.google.dev/gemini-api/docs/live-tools)",
)
SESSIONS = Source(
    SourceKind.DOCUMENTATION,
    "[Live API, sessions](https://ai.google.dev/gemini-api/docs/live-session)",
)
