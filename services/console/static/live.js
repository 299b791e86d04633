// A live call gains lines, so the page reloads until the call is over. It stays scrolled to where you are reading.
const EVERY_MS = 4000;
setTimeout(() => location.reload(), EVERY_MS);
