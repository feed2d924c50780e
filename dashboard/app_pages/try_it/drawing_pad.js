export default function ({ parentElement, data, setStateValue }) {
  const canvas = parentElement.querySelector("canvas");
  const pen = canvas.getContext("2d");
  let drawing = false;
  const wipe = () => { pen.fillStyle = "white"; pen.fillRect(0, 0, canvas.width, canvas.height); };
  const at = (event) => [event.offsetX * canvas.width / canvas.clientWidth,
    event.offsetY * canvas.height / canvas.clientHeight];
  if (!canvas.dataset.ready) {
    wipe();
    const before = new Image();
    before.onload = () => pen.drawImage(before, 0, 0);
    if (data.drawing) before.src = data.drawing;
    canvas.dataset.ready = "yes";
  }
  Object.assign(pen, { lineWidth: 24, lineCap: "round", lineJoin: "round", strokeStyle: "black" });
  canvas.onpointerdown = (event) => {
    drawing = true;
    canvas.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(...at(event));
    pen.lineTo(...at(event));
    pen.stroke();
  };
  canvas.onpointermove = (event) => { if (drawing) { pen.lineTo(...at(event)); pen.stroke(); } };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (drawing) setStateValue("drawing", canvas.toDataURL("image/png"));
    drawing = false;
  };
  parentElement.querySelector("button").onclick = () => { wipe(); setStateValue("drawing", null); };
}
