// The page's connection to the line: JSON both ways, and frames of audio as binary messages.

export class Link {
  constructor({ onMessage, onFrame, onLost }) {
    this.socket = new WebSocket(`ws://${location.host}/line`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => {
      if (typeof data === "string") onMessage(JSON.parse(data));
      else onFrame(new Int16Array(data));
    };
    this.socket.onclose = () => onLost();
  }

  get open() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  tell(wish) {
    if (this.open) this.socket.send(JSON.stringify(wish));
  }

  send(frame) {
    // Drop what can't be sent now: queued audio would delay the caller permanently.
    if (this.open && this.socket.bufferedAmount < 16000) this.socket.send(frame);
  }
}
