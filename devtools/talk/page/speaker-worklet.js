// Plays audio at 8 kHz (the line's frames and the synthetic caller's sentences) at the browser's rate.

import { Resampler } from "./resampler.js";

const LINE_HZ = 8000;
const PREFILL = 480; // 60 ms against jitter in the browser and the network
const MOST = 3200; // 400 ms; playback that is further behind skips to the newest audio
const AT_ONCE = 16;
const MOST_READY = 1024; // room for one request, and for AT_ONCE samples at 192 kHz

class Queue {
  constructor(most) {
    this.most = most;
    this.parts = [];
    this.waiting = 0;
    this.offset = 0;
    this.playing = false;
  }

  put(samples) {
    this.parts.push(samples);
    this.waiting += samples.length;
    while (this.waiting > this.most) this.drop();
    if (this.waiting >= PREFILL) this.playing = true;
  }

  drop() {
    this.waiting -= this.parts.shift().length - this.offset;
    this.offset = 0;
  }

  next() {
    if (this.waiting === 0) this.playing = false;
    if (!this.playing) return 0;
    const value = this.parts[0][this.offset++];
    this.waiting--;
    if (this.offset === this.parts[0].length) {
      this.parts.shift();
      this.offset = 0;
    }
    return value;
  }
}

class Speaker extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queues = { agent: new Queue(MOST), caller: new Queue(Infinity) };
    this.resampler = new Resampler(LINE_HZ, sampleRate);
    this.next = new Float32Array(AT_ONCE);
    this.ready = new Float32Array(MOST_READY); // at the browser's rate
    this.filled = 0;
    this.put = (value) => { this.ready[this.filled++] = value; };
    this.port.onmessage = ({ data }) => this.queues[data.who].put(data.samples);
  }

  process(_inputs, [output]) {
    const sound = output[0];
    const { agent, caller } = this.queues;
    while (this.filled < sound.length) {
      for (let i = 0; i < AT_ONCE; i++) this.next[i] = (agent.next() + caller.next()) / 32768;
      this.resampler.convert(this.next, this.put);
    }
    sound.set(this.ready.subarray(0, sound.length));
    this.ready.copyWithin(0, sound.length, this.filled);
    this.filled -= sound.length;
    return true;
  }
}

registerProcessor("speaker", Speaker);
