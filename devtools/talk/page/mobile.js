// The caller's phone: the texts it gets, and the page that a link in a text opens.

export class Mobile {
  constructor(root) {
    this.root = root;
    this.at = (id) => root.querySelector(`#${id}`);
    this.link = "";
  }

  // Show the pictures that a click sends; `pictures` are their names.
  start(pictures) {
    this.at("pictures").replaceChildren(...pictures.map((name) => {
      const image = Object.assign(document.createElement("img"), { src: `pictures/${name}.jpg`, alt: "" });
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.append(image, name.replaceAll("_", " "));
      button.addEventListener("click", () => this.send(name));
      return button;
    }));
  }

  clear() {
    this.link = "";
    this.root.hidden = true;
    this.at("texts").replaceChildren();
    this.at("caller-page").hidden = true;
    this.at("pictures-box").hidden = true;
  }

  text({ words, link }) {
    this.root.hidden = false;
    const entry = document.createElement("li");
    entry.append(words);
    if (link) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Open the link" });
      button.addEventListener("click", () => this.open(link));
      entry.append(button);
    }
    this.at("texts").append(entry);
    entry.scrollIntoView({ block: "nearest" });
  }

  open(link) {
    this.link = link;
    this.at("caller-page").src = link;
    this.at("caller-page").hidden = false;
    this.at("pictures-box").hidden = false;
  }

  // Submit the picture the way the page's own form does, in the same frame.
  async send(name) {
    const picture = await (await fetch(`pictures/${name}.jpg`)).blob();
    const files = new DataTransfer();
    files.items.add(new File([picture], `${name}.jpg`, { type: "image/jpeg" }));
    this.at("picture-file").files = files.files;
    this.at("picture-form").action = this.link;
    this.at("picture-form").submit();
  }
}
