// One call's microphone and loudspeaker. Frames are Int16Array of 160 samples at 8 kHz; the
// worklets convert from and to the browser's own rate, since not every browser supports other rates.

export class SoundFailed extends Error {}

export class Sound {
  // `onFrame` gets each frame from the microphone; `onLost` gets the reason if there is no microphone, or it stops.
  static async open(onFrame, onLost) {
    if (!window.AudioWorkletNode) {
      throw new SoundFailed("This browser can't play a call here. Open the page at http://127.0.0.1 in a current Chrome, Edge, Firefox or Safari.");
    }
    const sound = new Sound();
    try {
      await sound.startLoudspeaker();
    } catch (error) {
      await sound.close();
      throw new SoundFailed(`Can't start the sound (${error.name}: ${error.message}). Reload the page and call again.`);
    }
    try {
      await sound.startMicrophone(onFrame, onLost);
    } catch (error) {
      onLost(wordsFor(error));
    }
    return sound;
  }

  async startLoudspeaker() {
    this.output = new AudioContext({ latencyHint: "interactive" });
    await Promise.all([this.output.audioWorklet.addModule("speaker-worklet.js"), this.output.resume()]);
    this.speaker = new AudioWorkletNode(this.output, "speaker", { numberOfInputs: 0, outputChannelCount: [1] });
    this.speaker.connect(this.output.destination);
  }

  async startMicrophone(onFrame, onLost) {
    this.stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    this.stream.getAudioTracks()[0].addEventListener("ended", () => onLost("The microphone was disconnected. Reconnect it, hang up and call again. Or click sentences instead."));
    this.input = new AudioContext({ latencyHint: "interactive" }); // a separate context gets its own thread; with a shared one, audio breaks up on a busy machine
    await Promise.all([this.input.audioWorklet.addModule("microphone-worklet.js"), this.input.resume()]);
    this.microphone = new AudioWorkletNode(this.input, "microphone", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    this.microphone.port.onmessage = ({ data }) => onFrame(data);
    this.input.createMediaStreamSource(this.stream).connect(this.microphone);
  }

  // `who` is "agent" or "caller"; the caller's samples are sentences in a synthetic voice.
  play(who, samples) {
    this.speaker.port.postMessage({ who, samples });
  }

  mute(muted) {
    this.microphone?.port.postMessage({ muted });
  }

  async close() {
    this.stream?.getTracks().forEach((track) => track.stop());
    await Promise.all([this.input?.close(), this.output?.close()]);
  }
}

function wordsFor(error) {
  const instead = "Click a sentence to have a synthetic caller say it.";
  switch (error.name) {
    case "NotAllowedError":
      return `The browser doesn't let this page use the microphone. Allow it next to the address bar and call again. Or: ${instead.toLowerCase()}`;
    case "NotFoundError":
    case "TypeError": // no media devices at all
      return `No microphone found. ${instead}`;
    case "NotReadableError":
      return `The microphone is in use by another program, or doesn't work. Close the other program and call again. Or: ${instead.toLowerCase()}`;
    default:
      return `Can't start the microphone (${error.name}: ${error.message}). ${instead}`;
  }
}
