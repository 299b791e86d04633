// A live call gains lines: the page is loaded again until the call is over. Where one reads stays in view.
const EVERY_MS = 4000;
setTimeout(() => location.reload(), EVERY_MS);
