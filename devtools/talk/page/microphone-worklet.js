// The microphone's sound as 20 ms frames of 160 samples at 8 kHz, whatever rate the browser has.

const LINE_HZ = 8000;
const FRAME = 160;
const CUTOFF_HZ = 3600; // what a telephone line carries ends at 3.4 kHz; stopband from 4.4 kHz
const ZERO_CROSSINGS = 16;
const STEPS = 64; // of the kernel's table for each input sample

function kernelTable(rate) {
  const half = Math.ceil((ZERO_CROSSINGS * rate) / (2 * CUTOFF_HZ));
  const table = new Float32Array(half * STEPS + 2);
  const width = (2 * CUTOFF_HZ) / rate;
  for (let i = 0; i < table.length; i++) {
    const t = i / STEPS;
    const x = Math.PI * width * t;
    const window = t >= half ? 0 : 0.42 + 0.5 * Math.cos((Math.PI * t) / half) + 0.08 * Math.cos((2 * Math.PI * t) / half);
    table[i] = (i === 0 ? 1 : Math.sin(x) / x) * width * window;
  }
  return { table, half };
}

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / LINE_HZ;
    const { table, half } = kernelTable(sampleRate);
    this.table = table;
    this.half = half;
    this.held = new Float32Array(2 * half + 4096);
    this.length = half; // silence before the first sample
    this.at = half; // where the next sample of the line lies, in `held`
    this.frame = new Int16Array(FRAME);
    this.filled = 0;
    this.muted = false;
    this.port.onmessage = ({ data }) => { this.muted = data.muted; };
  }

  process([input]) {
    const sound = input[0];
    if (!sound) return true;
    this.held.set(sound, this.length);
    this.length += sound.length;
    while (this.at + this.half + 1 < this.length) {
      this.put(this.muted ? 0 : this.sample(this.at));
      this.at += this.step;
    }
    const keepFrom = Math.max(0, Math.floor(this.at) - this.half - 1);
    this.held.copyWithin(0, keepFrom, this.length);
    this.length -= keepFrom;
    this.at -= keepFrom;
    return true;
  }

  sample(at) {
    let sum = 0;
    for (let n = Math.ceil(at - this.half); n <= at + this.half; n++) {
      const place = Math.abs(at - n) * STEPS;
      const i = Math.floor(place);
      sum += this.held[n] * (this.table[i] + (place - i) * (this.table[i + 1] - this.table[i]));
    }
    return sum;
  }

  put(value) {
    this.frame[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(value * 32767)));
    if (this.filled === FRAME) {
      this.port.postMessage(this.frame.slice());
      this.filled = 0;
    }
  }
}

registerProcessor("microphone", Microphone);
