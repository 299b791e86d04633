// Shrinks a photo before it leaves the phone, and strips the camera's metadata. The server does this again, because without
// this script, or with a photo that the browser can't read, the form is sent unchanged.

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
  await Promise.all(inputs.map(makeSmall)).catch(() => {});
  form.submit();
});

// Someone who comes back to the page can send another.
addEventListener("pageshow", () => { sending.textContent = ""; });

async function makeSmall(input) {
  if (input.files.length === 0) return;
  const url = URL.createObjectURL(input.files[0]);
  try {
    const image = Object.assign(new Image(), { src: url }); // upright, unlike createImageBitmap in some browsers
    await image.decode();
    const files = new DataTransfer();
    files.items.add(new File([await reduced(image)], "photo.jpg", { type: "image/jpeg" }));
    input.files = files.files;
  } finally {
    URL.revokeObjectURL(url);
  }
}

async function reduced(image) {
  const { naturalWidth: width, naturalHeight: height } = image;
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const drawing = canvas.getContext("2d");
  drawing.imageSmoothingQuality = "high";
  drawing.fillStyle = "white";
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject() : resolve(blob)), "image/jpeg", 0.85);
  });
}
