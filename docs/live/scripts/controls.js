/**
 * Add labeled sliders to an element; return an object whose properties are their values.
 *
 * options: {name: {label, min, max, step, value, show}}, with show(value) the text beside the label. onChange(): called after the
 * visitor moved one. Values that the program assigns move the sliders without a call.
 */
export function addSliders(element, options, onChange) {
  const values = {};
  for (const [name, option] of Object.entries(options)) {
    const { input, output } = addSlider(element, name, option);
    const show = () => (output.value = option.show(input.valueAsNumber));
    Object.defineProperty(values, name, {
      enumerable: true,
      get: () => input.valueAsNumber,
      set: (value) => {
        input.value = value;
        show();
      },
    });
    input.addEventListener("input", () => {
      show();
      onChange();
    });
    show();
  }
  return values;
}

function addSlider(element, name, { label, min, max, step, value }) {
  const row = document.createElement("div");
  const text = document.createElement("label");
  const output = document.createElement("output");
  const input = document.createElement("input");
  row.className = "slider";
  input.id = `${element.id}-${name}`;
  text.htmlFor = input.id;
  output.htmlFor = input.id;
  text.textContent = label;
  Object.assign(input, { type: "range", min, max, step, value });
  row.append(text, output, input);
  element.append(row);
  return { input, output };
}
