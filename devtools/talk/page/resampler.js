// Converts a stream of samples from one rate to another. Telephone lines carry up to 3.4 kHz.

const CUTOFF_HZ = 3600; // stopband from 4.4 kHz, so both rates must be 8 kHz or more
const ZERO_CROSSINGS = 16;
const STEPS = 64; // of the kernel's table per input sample
const MOST = 4096; // input samples per call

export class Resampler {
  constructor(fromHz, toHz) {
    this.step = fromHz / toHz;
    this.half = Math.ceil((ZERO_CROSSINGS * fromHz) / (2 * CUTOFF_HZ));
    this.table = kernelTable(fromHz, this.half);
    this.held = new Float32Array(2 * this.half + MOST);
    this.length = this.half; // silence before the first sample
    this.at = this.half; // position of the next output sample in `held`
  }

  // Calls `put` with each output sample that can be computed once `samples` are there.
  convert(samples, put) {
    this.held.set(samples, this.length);
    this.length += samples.length;
    for (; this.at + this.half + 1 < this.length; this.at += this.step) put(this.sample());
    const keepFrom = Math.max(0, Math.floor(this.at) - this.half - 1);
    this.held.copyWithin(0, keepFrom, this.length);
    this.length -= keepFrom;
    this.at -= keepFrom;
  }

  sample() {
    let sum = 0;
    for (let n = Math.ceil(this.at - this.half); n <= this.at + this.half; n++) {
      const place = Math.abs(this.at - n) * STEPS;
      const i = Math.floor(place);
      sum += this.held[n] * (this.table[i] + (place - i) * (this.table[i + 1] - this.table[i]));
    }
    return sum;
  }
}

function kernelTable(fromHz, half) {
  const table = new Float32Array(half * STEPS + 2);
  const width = (2 * CUTOFF_HZ) / fromHz;
  for (let i = 0; i < table.length; i++) {
    const t = i / STEPS;
    const x = Math.PI * width * t;
    const window = t >= half ? 0 : 0.42 + 0.5 * Math.cos((Math.PI * t) / half) + 0.08 * Math.cos((2 * Math.PI * t) / half);
    table[i] = (i === 0 ? 1 : Math.sin(x) / x) * width * window;
  }
  return table;
}
