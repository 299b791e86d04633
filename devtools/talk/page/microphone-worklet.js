// Converts the microphone's audio to 20 ms frames of 160 samples at 8 kHz, from any browser's rate.

import { Resampler } from "./resampler.js";

const LINE_HZ = 8000;
const FRAME = 160;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, LINE_HZ);
    this.take = (value) => this.put(value);
    this.frame = new Int16Array(FRAME);
    this.filled = 0;
    this.muted = false;
    this.port.onmessage = ({ data }) => { this.muted = data.muted; };
  }

  process([input]) {
    if (input[0]) this.resampler.convert(input[0], this.take);
    return true;
  }

  put(value) {
    this.frame[this.filled++] = this.muted ? 0 : Math.max(-32768, Math.min(32767, Math.round(value * 32767)));
    if (this.filled === FRAME) {
      this.port.postMessage(this.frame.slice());
      this.filled = 0;
    }
  }
}

registerProcessor("microphone", Microphone);
