// One box beside the pointer or the focused mark, with a title and pairs of words.

function showTooltip(x, y, title, pairs) {
  const box = find("tooltip");
  const shown = pairs.filter(([, value]) => value != null && value !== "");
  box.replaceChildren(
    h("strong", null, title),
    h("dl", null, shown.map(([name, value]) => [h("dt", null, name), h("dd", null, value)])));
  box.hidden = false;
  const gap = 14;
  const left = x + gap + box.offsetWidth > innerWidth ? x - gap - box.offsetWidth : x + gap;
  const top = y + gap + box.offsetHeight > innerHeight ? y - gap - box.offsetHeight : y + gap;
  box.style.left = `${Math.max(4, Math.min(left, innerWidth - box.offsetWidth - 4))}px`;
  box.style.top = `${Math.max(4, top)}px`;
}

function hideTooltip() {
  find("tooltip").hidden = true;
}

addEventListener("scroll", hideTooltip, { passive: true });
addEventListener("keydown", (event) => event.key === "Escape" && hideTooltip());
