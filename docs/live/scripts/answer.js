/** Shows a prediction: the digit, and the probabilities of all ten. */
export class Answer {
  constructor(output, list) {
    this.output = output;
    this.rows = Array.from({ length: 10 }, (_, digit) => addRow(list, digit));
  }

  show(probabilities) {
    const best = probabilities.indexOf(Math.max(...probabilities));
    const digit = document.createElement("strong");
    digit.textContent = best;
    this.output.replaceChildren(best === 8 ? "It reads an " : "It reads a ", digit, `, with ${percent(probabilities[best])}.`);
    this.rows.forEach(({ bar, share }, row) => {
      bar.style.width = `${100 * probabilities[row]}%`;
      share.textContent = percent(probabilities[row]);
    });
  }
}

function addRow(list, digit) {
  const row = document.createElement("li");
  const [name, track, bar, share] = ["", "track", "bar", "share"].map((className) => {
    const element = document.createElement("span");
    element.className = className;
    return element;
  });
  name.textContent = digit;
  track.ariaHidden = "true";
  track.append(bar);
  row.append(name, track, share);
  list.append(row);
  return { bar, share };
}

function percent(share) {
  return `${(100 * share).toFixed(1)}%`;
}
