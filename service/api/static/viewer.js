// RapiDoc draws fields without labels, and areas that scroll but take no focus: this fixes both.
const watched = new WeakSet();

function mend(root) {
  for (const field of root.querySelectorAll("input, select, textarea")) {
    const name = field.dataset.pname || field.placeholder || field.name || "value";
    if (!field.hasAttribute("aria-label")) field.setAttribute("aria-label", name);
  }
  for (const area of root.querySelectorAll("pre")) area.tabIndex = 0;
  for (const part of root.querySelectorAll("*")) if (part.shadowRoot) watch(part.shadowRoot);
}

function watch(root) {
  if (watched.has(root)) return;
  watched.add(root);
  new MutationObserver(() => mend(root)).observe(root, { childList: true, subtree: true });
  mend(root);
}

await customElements.whenDefined("rapi-doc");
watch(document.querySelector("rapi-doc").shadowRoot);
