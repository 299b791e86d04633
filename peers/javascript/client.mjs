// Google's SDK for JavaScript. See peers/__init__.py for what it does.
import { GoogleGenAI, Modality, Type } from "@google/genai";

const [baseUrl, apiKey] = process.argv.slice(2);
const tools = [
  {
    functionDeclarations: [
      {
        name: "lookup_account",
        description: "Looks up an account.",
        parameters: {
          type: Type.OBJECT,
          properties: { account_number: { type: Type.STRING } },
          required: ["account_number"],
        },
      },
      {
        name: "end_call",
        description: "Hangs up.",
        parameters: { type: Type.OBJECT, properties: { reason: { type: Type.STRING } } },
      },
    ],
  },
];
const account = { status: "active", plan: "family plan", next_delivery: "Tuesday" };
const results = { lookup_account: account, end_call: { status: "ending" } };

let interruptions = 0;
let ending = false;

function take(message) {
  for (const call of message.toolCall?.functionCalls ?? []) {
    const response = { id: call.id, name: call.name, response: results[call.name] };
    session.sendToolResponse({ functionResponses: [response] });
    ending ||= call.name === "end_call";
  }
  if (message.serverContent?.interrupted) interruptions += 1;
  if (message.serverContent?.turnComplete && ending) session.close();
}

function end(event) {
  if (!ending) console.error(`closed: ${event.code} ${event.reason}`);
  console.log(JSON.stringify({ interruptions }));
  process.exit(ending ? 0 : 1);
}

const client = new GoogleGenAI({ apiKey, httpOptions: { baseUrl } });
const session = await client.live.connect({
  model: "gemini-3.8-live",
  config: {
    responseModalities: [Modality.AUDIO],
    systemInstruction: "You answer the telephone of a delivery service.",
    tools,
    inputAudioTranscription: {},
    outputAudioTranscription: {},
    sessionResumption: {},
  },
  callbacks: { onmessage: take, onclose: end, onerror: (event) => console.error(event.message) },
});
session.sendClientContent({ turns: "Greet the caller.", turnComplete: true });
process.stdin.on("data", (voice) => {
  const audio = { data: voice.toString("base64"), mimeType: "audio/pcm;rate=16000" };
  session.sendRealtimeInput({ audio });
});
