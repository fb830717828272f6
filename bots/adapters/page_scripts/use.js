// Enters texts and presses one control of the page as a person would. Which inputs and controls there are is
// counted as bots.adapters.page_readers.controls does. Returns what stood in the way; empty where nothing did.
({ place, label, values }) => {
  const root = document.querySelector(".otree-content, ._otree-content") ?? document.body;
  const form = document.getElementById("form");
  const isBack = (element) => element.form && element.type === "button" && (element.classList.contains("otree-btn-back")
    || /^\s*(return\s+)?(window\.)?back_button\s*\(/.test(element.getAttribute("onclick") ?? ""));
  const isControl = (element) => !isBack(element) && (["INPUT", "BUTTON"].includes(element.tagName)
    ? element.type === "button" || (element.tagName === "BUTTON" && element.type === "submit" && !element.form)
    : !["SELECT", "TEXTAREA", "FORM", "LABEL", "OPTION"].includes(element.tagName));
  const control = [...root.querySelectorAll("button, input[type=button], [onclick]")].filter(isControl)[place];
  const text = control && (control.textContent.trim() || control.value || "").replace(/\s+/g, " ");
  if (!control || control.disabled || (text && text !== label)) return [`There is no "${label}" to press now.`];

  const unnamed = ["submit", "image", "button", "reset", "file", "hidden"];
  const loose = [...root.querySelectorAll("input, select, textarea")]
    .filter((element) => !element.name && !unnamed.includes(element.type));
  const found = (name) => {
    const own = loose.filter((element, at) => (element.id || `input_${at + 1}`) === name);
    return own.length ? own : [...(form?.elements ?? [])].filter((element) => element.name === name);
  };
  const told = (element) => {
    element.dispatchEvent(new Event("input", { bubbles: true }));
    element.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const enter = (element, wanted) => {
    if (["radio", "checkbox"].includes(element.type)) element.checked = wanted.includes(element.value);
    else if (element.options) for (const option of element.options) option.selected = wanted.includes(option.value);
    else element.value = wanted[0] ?? "";
    told(element);
  };
  for (const [name, wanted] of Object.entries(values)) {
    const inputs = found(name);
    if (inputs.length === 0) return [`${name}: There is no such input on this page.`];
    for (const input of inputs) enter(input, wanted);
  }
  control.click();
  return [];
}
