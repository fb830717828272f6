// Fills the page's form and submits it as a person would: the page's own listeners and the browser's checks see it.
// Returns {sent, held, problems}: problems say by field ({name, words}) why the browser did not send the form;
// held: the page's own script stopped it.
// Pressed is `button`, where it is not there nothing; without one oTree's Next button, or the first that is not
// among the places of `backs`.
({ values, button, backs, timedOut }) => {
  const form = document.getElementById("form") ?? document.querySelector("form[method=post i]") ?? document.forms[0];
  if (!form) return { sent: false, held: false, problems: [{ name: "", words: "This page has no form." }] };
  const problems = [];
  const problem = (name, words) => problems.push({ name, words });

  const named = (name) => [...form.elements].filter((element) => element.name === name && element.type !== "submit");
  const told = (element) => {
    element.dispatchEvent(new Event("input", { bubbles: true }));
    element.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const tick = (boxes, wanted) => {
    const known = boxes.map((box) => box.value);
    const lone = boxes.length === 1 && boxes[0].type === "checkbox";
    const off = ["", "0", "false", "no", "off"];
    if (!lone) {
      wanted.filter((value) => value !== "" && !known.includes(value))
        .forEach((value) => problem(boxes[0].name, `There is no choice "${value}".`));
    }
    for (const box of boxes) {
      const on = wanted.includes(box.value) || (lone && wanted.some((value) => !off.includes(value.toLowerCase())));
      if (box.checked !== on) {
        box.checked = on;
        told(box);
      }
    }
  };

  const select = (list, wanted) => {
    const known = [...list.options].map((option) => option.value);
    wanted.filter((value) => value !== "" && !known.includes(value))
      .forEach((value) => problem(list.name, `There is no choice "${value}".`));
    for (const option of list.options) option.selected = wanted.includes(option.value);
    told(list);
  };

  const type = (input, value) => {
    input.value = value;
    told(input);
    const kept = input.type === "range" ? Number(input.value) === Number(value) : input.value !== "" || value === "";
    if (!kept) problem(input.name, `"${value}" cannot be entered here.`);
  };

  const fill = (name, wanted) => {
    const inputs = named(name);
    const boxes = inputs.filter((input) => ["radio", "checkbox"].includes(input.type));
    const enter = (input, answers) => (input.options ? select(input, answers) : type(input, answers[0] ?? ""));
    if (inputs.length === 0) problem(name, "There is no such field on this page.");
    else if (boxes.length > 0) tick(boxes, wanted);
    else if (inputs.length === 1) enter(inputs[0], wanted);
    else inputs.forEach((input, index) => enter(input, [wanted[index] ?? wanted[0] ?? ""]));
  };

  // What sends the form is counted as bots.adapters.page_readers.forms does; pressed is what was meant, or nothing.
  const isBack = (element) => element.type === "button" && (element.classList.contains("otree-btn-back")
    || /^\s*(return\s+)?(window\.)?back_button\s*\(/.test(element.getAttribute("onclick") ?? ""));
  const buttons = [...document.querySelectorAll("button, input")].filter((element) =>
    element.form === form && !element.hasAttribute("disabled")
      && (["submit", "image"].includes(element.type) || isBack(element)));
  const pressed = () => {
    const plain = (words) => (words ?? "").trim().replace(/\s+/g, " ");
    const says = (element) => plain(element.textContent) || plain(element.value);
    const alike = buttons.filter((element) => (button.name
      ? element.name === button.name && element.value === (button.value ?? "")
      : !element.name && says(element) === button.label));
    const there = buttons[button.place];
    if (there && alike.includes(there)) return there;
    // A button of pictures, or with words that are not shown, has other words here than its reader saw.
    const drawn = there && !button.name && !there.name && (there.children.length > 0 || says(there) === "");
    return alike[0] ?? (drawn ? there : null);
  };

  const next = () => buttons.find((element) => element.matches(".otree-btn-next"))
    ?? buttons.find((element, at) => !backs.includes(at) && !isBack(element)) ?? null;

  const presses = button ? pressed() : next();
  if (button && !presses) {
    return { sent: false, held: false, problems: [{ name: "", words: `There is no "${button.label}" to press now.` }] };
  }
  if (presses && isBack(presses)) {
    presses.click();
    return { sent: true, held: false, problems: [] };
  }
  for (const [name, wanted] of Object.entries(values)) fill(name, wanted);
  if (timedOut) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "timeout_happened", value: "1" }));
    form.noValidate = true;
  } else {
    const checked = !(form.noValidate || presses?.formNoValidate);
    for (const element of checked ? form.elements : []) {
      const first = !problems.some((known) => known.name === element.name);
      if (first && element.willValidate && !element.validity.valid) problem(element.name, element.validationMessage);
    }
    if (problems.length > 0) return { sent: false, held: false, problems };
  }

  let held = false;
  const notice = (event) => { held = event.defaultPrevented; };
  window.addEventListener("submit", notice);
  form.requestSubmit(presses);
  window.removeEventListener("submit", notice);
  return { sent: !held, held, problems: [] };
}
