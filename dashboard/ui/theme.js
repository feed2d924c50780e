// Streamlit recolours its own elements, but runs no script: charts would keep the colours of the theme before.
export default function ({ parentElement, setTriggerValue }) {
  const element = parentElement.host ?? parentElement;
  const colour = () => getComputedStyle(element).getPropertyValue("--st-background-color");
  let drawn = colour();
  const look = () => {
    const [before, now] = [drawn, colour()];
    drawn = now;
    if (before && now !== before) setTriggerValue("changed", true);
  };
  const timer = setInterval(look, 300);
  return () => clearInterval(timer);
}
