// Microphone and loudspeaker of one call. Frames are Int16Array of 160 samples at 8 kHz; the
// worklets convert them from and to the browser's own rate, since not every browser has others.

export class SoundFailed extends Error {}

export class Sound {
  // `onFrame` is given each frame from the microphone, `onLost` is told when the microphone goes.
  static async open(onFrame, onLost) {
    if (!navigator.mediaDevices || !window.AudioWorkletNode) {
      throw new SoundFailed("This browser cannot use a microphone here. Open the page at http://127.0.0.1 in a current Chrome, Edge, Firefox or Safari.");
    }
    const sound = new Sound();
    try {
      await sound.start(onFrame, onLost);
    } catch (error) {
      await sound.close();
      throw new SoundFailed(wordsFor(error));
    }
    return sound;
  }

  async start(onFrame, onLost) {
    this.stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    this.stream.getAudioTracks()[0].addEventListener("ended", () => onLost());
    // A thread each: with one, a busy machine tears the sound.
    this.input = new AudioContext({ latencyHint: "interactive" });
    this.output = new AudioContext({ latencyHint: "interactive" });
    await Promise.all([
      this.input.audioWorklet.addModule("microphone-worklet.js"),
      this.output.audioWorklet.addModule("speaker-worklet.js"),
      this.input.resume(),
      this.output.resume(),
    ]);
    this.microphone = new AudioWorkletNode(this.input, "microphone", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    this.microphone.port.onmessage = ({ data }) => onFrame(data);
    this.input.createMediaStreamSource(this.stream).connect(this.microphone);
    this.speaker = new AudioWorkletNode(this.output, "speaker", { numberOfInputs: 0, outputChannelCount: [1] });
    this.speaker.connect(this.output.destination);
  }

  play(frame) {
    this.speaker.port.postMessage(frame);
  }

  mute(muted) {
    this.microphone.port.postMessage({ muted });
  }

  async close() {
    this.stream?.getTracks().forEach((track) => track.stop());
    await Promise.all([this.input?.close(), this.output?.close()]);
  }
}

export function levelOf(frame) {
  let sum = 0;
  for (const value of frame) sum += value * value;
  return 10 * Math.log10(Math.max(sum / frame.length, 1) / 32768 ** 2);
}

function wordsFor(error) {
  switch (error.name) {
    case "NotAllowedError":
      return "The browser does not let this page use the microphone. Allow it beside the address, then dial again.";
    case "NotFoundError":
      return "There is no microphone. Connect one, then dial again.";
    case "NotReadableError":
      return "The microphone is in use by another program, or does not work. Close the other program, then dial again.";
    default:
      return `The sound could not be started (${error.name}: ${error.message}). Reload the page and dial again.`;
  }
}
