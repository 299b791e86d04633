"use strict";

/* Unpack a recording when its call is opened: unpacking them all would fill the memory. */
async function unpack(audio) {
  const packed = Uint8Array.from(atob(audio.dataset.packed), (letter) => letter.charCodeAt(0));
  delete audio.dataset.packed;
  const wav = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  audio.src = URL.createObjectURL(new Blob([await new Response(wav).arrayBuffer()], { type: "audio/wav" }));
}

function unpackIfOpen(run) {
  const audio = run.querySelector("audio[data-packed]");
  if (run.open && audio) unpack(audio);
}

for (const run of document.querySelectorAll("details.run")) {
  run.addEventListener("toggle", () => unpackIfOpen(run));
  unpackIfOpen(run);
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
