// The last seconds of a voice, drawn as on the call's page: 0 dBFS fills the height, -12 dBFS half.

const FRAMES = 300; // of 20 ms

export class Voice {
  constructor(canvas) {
    this.canvas = canvas;
    this.clear();
  }

  clear() {
    this.levels = [];
    this.draw();
  }

  // `frame` has 20 ms as Int16.
  hear(frame) {
    let peak = 0;
    for (const value of frame) peak = Math.max(peak, Math.abs(value));
    this.levels.push(Math.sqrt(peak / 32768));
    if (this.levels.length > FRAMES) this.levels.shift();
    if (!this.due) this.due = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.due = 0;
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    const pen = canvas.getContext("2d");
    pen.fillStyle = getComputedStyle(canvas).color;
    const step = canvas.width / FRAMES;
    const from = FRAMES - this.levels.length;
    this.levels.forEach((level, index) => {
      const height = Math.max(1, level * canvas.height);
      pen.fillRect((from + index) * step, (canvas.height - height) / 2, Math.max(1, step - 0.5), height);
    });
  }
}
