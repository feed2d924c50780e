export default function ({ parentElement, data, setTriggerValue }) {
  const grid = parentElement.querySelector("#grid");
  grid.replaceChildren(...data.pictures.map((picture, index) => {
    const button = document.createElement("button");
    const image = document.createElement("img");
    image.src = picture.source;
    image.alt = picture.name;
    button.type = "button";
    button.title = picture.name;
    button.setAttribute("aria-pressed", String(index === data.selected));
    button.onclick = () => setTriggerValue("picked", index);
    button.append(image);
    return button;
  }));
}
