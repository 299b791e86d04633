// Plays frames of the line, in a context that runs at the line's own 8 kHz.

const PREFILL = 480; // 60 ms against a browser's and a network's unevenness
const MOST = 3200; // 400 ms: whoever is later than that hears the newest

class Speaker extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = [];
    this.waiting = 0;
    this.offset = 0;
    this.playing = false;
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
    for (let i = 0; i < sound.length; i++) {
      if (this.playing && this.waiting === 0) this.playing = false;
      sound[i] = this.playing ? this.next() / 32768 : 0;
    }
    return true;
  }

  next() {
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
