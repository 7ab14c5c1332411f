// What axe-core says of what is new in this page since it last looked: all of it at the first look, and what a new width, a
// new mode or a script has made visible later. A contrast follows from an element's style, and the longest pages have ten
// thousands of elements in some dozens of styles, for each of which axe-core takes milliseconds: two of a style are looked at,
// and none twice.
//
// worst: the impacts that count. styles: how many elements of each style were looked at before, on other pages too.
// Returns [[impact, rule, html] of each finding, styles as they are now].
async ([worst, styles]) => {
  const before = window.lookedAt, now = (window.lookedAt ??= { elements: new WeakSet(), styles: new WeakMap(), width: 0 });
  const all = [...document.querySelectorAll('*')], visible = new Set(), appeared = [];
  for (const e of all) {
    if (!e.checkVisibility({ visibilityProperty: true })) continue;
    visible.add(e);
    if (!now.elements.has(e) && (now.elements.has(e.parentElement) || !e.parentElement)) appeared.push(e);
  }
  for (const e of visible) now.elements.add(e);

  // What an element's text is painted on: by itself and all around it, as far as it shows. What is taken out of the flow may
  // lie over something else than what is around it.
  const grounds = new Map([[null, '']]);
  const ground = (e) => {
    if (!grounds.has(e)) {
      const s = getComputedStyle(e), own = [];
      if (s.backgroundColor !== 'rgba(0, 0, 0, 0)') own.push(s.backgroundColor);
      if (s.backgroundImage !== 'none') own.push(s.backgroundImage.slice(0, 60));
      if (s.opacity !== '1') own.push(s.opacity);
      if (!['static', 'relative'].includes(s.position)) own.push(s.position);
      grounds.set(e, ground(e.parentElement) + (own.length ? '>' + own : ''));
    }
    return grounds.get(e);
  };
  const counted = new Map(Object.entries(styles));
  let samples = 0;
  for (const e of all) {
    if (e.hasAttribute('data-sample')) e.removeAttribute('data-sample');
    if (!visible.has(e) || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const s = getComputedStyle(e), off = e.closest(':disabled, [aria-disabled="true"]') ? 'disabled' : '';
    const key = [ground(e), s.color, s.fontSize, s.fontWeight, s.textShadow, off].join('|');
    const own = now.styles.get(e) || new Set();
    if ((counted.get(key) || 0) >= 2 || own.has(key)) continue;
    now.styles.set(e, own.add(key));
    counted.set(key, (counted.get(key) || 0) + 1);
    e.setAttribute('data-sample', '');
    samples += 1;
  }

  // Preloading is off because axe-core resolves a style's @import against the page and then asks for a file that is not there.
  const look = async (where, rules) => found.push(await axe.run(where, {
    resultTypes: ['violations'], preload: false, selectors: false, runOnly: rules }));
  const found = [], contrast = axe._audit.rules.find((r) => r.id === 'color-contrast');
  const rules = axe._audit.rules.filter((r) => r.enabled && r !== contrast && worst.includes(r.impact)).map((r) => r.id);
  const colours = samples ? [contrast.id] : [], widths = now.width === innerWidth ? [] : ['scrollable-region-focusable'];
  contrast.selector = '[data-sample]';
  now.width = innerWidth;
  if (!before) await look(document, [...rules, ...colours]);
  else {
    if (appeared.length) await look({ include: appeared }, rules);
    if (colours.length + widths.length) await look(document, [...colours, ...widths]);
  }
  return [found.flatMap((f) => f.violations).flatMap((v) => v.nodes.map((n) => [v.impact, v.id, n.html])),
          Object.fromEntries(counted)];
}
