// Plays frames of the line, which are at 8 kHz, at whatever rate the browser has.

import { Resampler } from "./resampler.js";

const LINE_HZ = 8000;
const PREFILL = 480; // 60 ms against a browser's and a network's unevenness
const MOST = 3200; // 400 ms: whoever is later than that hears the newest
const AT_ONCE = 16;
const MOST_READY = 1024; // what AT_ONCE becomes at 192 kHz, and more than is asked for at once

class Speaker extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = [];
    this.waiting = 0;
    this.offset = 0;
    this.playing = false;
    this.resampler = new Resampler(LINE_HZ, sampleRate);
    this.next = new Float32Array(AT_ONCE);
    this.ready = new Float32Array(MOST_READY); // at the browser's rate
    this.filled = 0;
    this.put = (value) => { this.ready[this.filled++] = value; };
    this.port.onmessage = ({ data }) => this.take(data);
  }

  take(frame) {
    this.queue.push(frame);
    this.waiting += frame.length;
    while (this.waiting > MOST) this.drop();
    if (this.waiting >= PREFILL) this.playing = true;
  }

  drop() {
    this.waiting -= this.queue.shift().length - this.offset;
    this.offset = 0;
  }

  process(_inputs, [output]) {
    const sound = output[0];
    while (this.filled < sound.length) {
      for (let i = 0; i < AT_ONCE; i++) this.next[i] = this.fromQueue() / 32768;
      this.resampler.convert(this.next, this.put);
    }
    sound.set(this.ready.subarray(0, sound.length));
    this.ready.copyWithin(0, sound.length, this.filled);
    this.filled -= sound.length;
    return true;
  }

  fromQueue() {
    if (this.waiting === 0) this.playing = false;
    if (!this.playing) return 0;
    const value = this.queue[0][this.offset++];
    this.waiting--;
    if (this.offset === this.queue[0].length) {
      this.queue.shift();
      this.offset = 0;
    }
    return value;
  }
}

registerProcessor("speaker", Speaker);
