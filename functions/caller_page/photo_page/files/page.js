// Makes a photo small before it leaves the telephone, without what the camera wrote into it. The server does so again:
// without this script, or with a photo that the browser can't read, the form is sent as it is.

const LONGEST = 1024;
const form = document.getElementById("photo");
const sending = document.getElementById("sending");
const inputs = [...form.querySelectorAll("input")];

for (const input of inputs) {
  input.addEventListener("change", () => {
    for (const other of inputs) if (other !== input) other.value = "";
  });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (sending.textContent) return;
  sending.textContent = sending.dataset.words;
  for (const input of inputs) {
    if (input.files.length === 0) continue;
    const small = await reduced(input.files[0]).catch(() => null);
    if (small === null) continue;
    const files = new DataTransfer();
    files.items.add(new File([small], "photo.jpg", { type: "image/jpeg" }));
    input.files = files.files;
  }
  form.submit();
});

// Somebody who comes back to the page can send another.
addEventListener("pageshow", () => { sending.textContent = ""; });

async function reduced(file) {
  const image = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const drawing = canvas.getContext("2d");
  drawing.imageSmoothingQuality = "high";
  drawing.fillStyle = "white";
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
}
