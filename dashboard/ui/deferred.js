// Reports that the first screen is there: not while the script runs, nor just after the reader did something, since a
// run that another one cuts short has not seen which button was pressed for it.
const ACTS = ["pointerdown", "pointerup", "keydown", "keyup", "input", "change"];
const QUIET = 300; // ms without an act

export default function ({ data, setTriggerValue }) {
  const idle = window.requestIdleCallback ?? ((call) => call());
  const app = document.querySelector(`[${data.attribute}]`);
  let acted = -Infinity;
  let timer = null;
  const act = () => { acted = performance.now(); };
  const wait = () => { timer = setTimeout(() => idle(report, { timeout: 500 }), 60); };
  const report = () => {
    const runs = app && app.getAttribute(data.attribute) !== data.idle;
    if (runs || performance.now() - acted < QUIET) wait();
    else setTriggerValue("shown", true);
  };
  ACTS.forEach((kind) => window.addEventListener(kind, act, true));
  wait();
  return () => {
    clearTimeout(timer);
    ACTS.forEach((kind) => window.removeEventListener(kind, act, true));
  };
}
