/* <fichehub-zoek>: search care and welfare by what and where. One module, no dependency, no build step.
 *
 * <script type="module" src="https://HUB/widget/v1/fichehub.js"></script>
 * <fichehub-zoek lang="nl" what="thuisverpleging" where="9100"><a href="https://www.desocialekaart.be">Zoek in De Sociale Kaart</a></fichehub-zoek>
 *
 * What stands inside the element, such as that link, is shown only where this module does not run.
 * Attributes: lang (nl, fr, de, en; default: that of the page around it, Dutch for any other), what, where (a first search), hub (the hub's address; default:
 * where this module came from). When the language changes, also around it, the element says everything anew.
 * Style it with custom properties (--fichehub-accent, --fichehub-ink, --fichehub-paper, --fichehub-line, --fichehub-font) and ::part(card), ::part(button).
 * Everything stands in one shadow root, because ARIA references do not cross one; styles are a constructed sheet and text is set as text, so a
 * strict Content-Security-Policy needs only the hub in script-src and connect-src. No cookie, no storage, no other host.
 */
const HUB = new URL("../..", import.meta.url).href.replace(/\/$/, "");
/* So long (in milliseconds) it waits for an answer of the hub. */
const PATIENCE = 10_000;
/* What it says by itself: until the hub has given it the other words, and where no answer comes. */
const OWN = {
  nl: { wait: "De zoekfunctie wordt geladen …", failed: "Zoeken lukt nu niet. Probeer het zo dadelijk opnieuw.", again: "Opnieuw proberen" },
  fr: { wait: "Chargement de la recherche …", failed: "La recherche n’est pas possible pour l’instant. Réessayez dans un moment.", again: "Réessayer" },
  de: { wait: "Die Suche wird geladen …", failed: "Die Suche ist gerade nicht möglich. Bitte versuchen Sie es gleich noch einmal.", again: "Noch einmal versuchen" },
  en: { wait: "Loading the search …", failed: "Searching is not possible right now. Try again in a moment.", again: "Try again" },
};
/* The parameter that is wrong -> what is said about it. */
const WRONG = { what: "unknown_words", where: "unknown_place" };
const SHEET = new CSSStyleSheet();
SHEET.replaceSync(`
:host { display: block; --accent: var(--fichehub-accent, #0b5a4a); --ink: var(--fichehub-ink, #1d2522); --paper: var(--fichehub-paper, #fff);
  --line: var(--fichehub-line, #c9cec8); --soft: color-mix(in srgb, var(--ink) 75%, var(--paper)); color: var(--ink); background: var(--paper);
  font: 1rem/1.5 var(--fichehub-font, system-ui, sans-serif); }
* { box-sizing: border-box; }
.frame { container-type: inline-size; }
form { display: flex; flex-wrap: wrap; gap: .75rem; align-items: start; }
.field { position: relative; flex: 1 1 14rem; }
label, .go::before { display: block; font-weight: 600; margin-bottom: .25rem; }
.go::before { content: "\\a0"; }
@container (max-width: 38rem) { .go { flex-basis: 100%; } .go::before { display: none; } }
input { width: 100%; min-height: 2.75rem; padding: .4rem .7rem; font: inherit; color: inherit; background: var(--paper);
  border: 1px solid var(--soft); border-radius: 6px; }
input[aria-invalid=true] { border-color: currentcolor; border-width: 2px; }
input::placeholder { color: var(--soft); opacity: 1; }
button { min-height: 2.75rem; padding: .4rem 1.4rem; font: inherit; font-weight: 600; cursor: pointer; color: var(--paper);
  background: var(--accent); border: 1px solid var(--accent); border-radius: 6px; }
button.more, button.again { color: var(--accent); background: var(--paper); margin-top: 1rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
[role=listbox] { position: absolute; z-index: 2; inset: 100% 0 auto; margin: .25rem 0 0; padding: .25rem; list-style: none; max-height: 18rem; overflow: auto;
  background: var(--paper); border: 1px solid var(--soft); border-radius: 6px; box-shadow: 0 6px 18px #0003; }
[role=listbox].asked { position: static; }
[role=option] { padding: .5rem .6rem; min-height: 2.5rem; border-radius: 4px; cursor: pointer; }
[role=option][aria-selected=true] { color: var(--paper); background: var(--accent); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.told { margin: 1rem 0 0; font-weight: 600; }
.told:empty { display: none; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .6rem; }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: .75rem; }
li.card { padding: .9rem 1.1rem; border: 1px solid var(--line); border-radius: 8px; overflow-wrap: anywhere; }
h3 { font-size: 1.05rem; margin: 0; }
p { margin: .25rem 0 0; }
.by { color: var(--soft); }
.tags { display: flex; flex-wrap: wrap; gap: .35rem; margin: .45rem 0 0; padding: 0; list-style: none; }
.tags li { padding: .1rem .6rem; font-size: .875rem; border: 1px solid var(--line); border-radius: .8rem; }
.tags .stop { font-weight: 600; border-color: currentcolor; }
.reach { display: flex; flex-wrap: wrap; gap: .1rem 1.25rem; margin: .35rem 0 0; padding: 0; list-style: none; }
.reach a { display: inline-block; padding: .15rem 0; color: var(--accent); }
small { font-size: .85rem; color: var(--soft); }
[hidden] { display: none !important; }
@media (forced-colors: active) { [role=option][aria-selected=true] { outline: 2px solid; outline-offset: -2px; } }
`);

const make = (tag, options = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "text") node.textContent = value;
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter(Boolean));
  return node;
};
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
// As numbers are written in Belgium: 0470 12 34 56, 02 123 45 67 (also 03, 04 and 09), 016 12 34 56, 0800 12 345. Any other stays as it is.
const GROUPS = { 5: /(..)(...)/, 6: /(..)(..)(..)/, 7: /(...)(..)(..)/ };
const written = (value) => {
  const digits = /^\+32(\d{8,9})$/.exec(value)?.[1];
  if (!digits) return value;
  const prefix = digits.length === 9 || digits.startsWith("800") ? 3 : "2349".includes(digits[0]) ? 1 : 2;
  return `0${digits.slice(0, prefix)} ${GROUPS[digits.length - prefix].exec(digits.slice(prefix)).slice(1).join(" ")}`;
};
const TYPING = 250;
const TIERS = ["local", "serves", "near", "rest"];

class FichehubZoek extends HTMLElement {
  #words = null;
  #options = [];
  #active = -1;
  #timer = 0;
  #saying = 0;
  #asked = 0;
  #searched = 0;
  #parts = {};
  #last = "";
  #place = null;
  #shown = 0;
  #spoken = "";
  #begun = null;
  #again = "";
  #watching = new MutationObserver(() => this.#relabel());

  static observedAttributes = ["lang"];

  connectedCallback() {
    this.#watching.observe(document.documentElement, { attributes: true, attributeFilter: ["lang"], subtree: true });
    if (this.shadowRoot) { this.#relabel(); return; }
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [SHEET];
    const what = this.getAttribute("what") ?? "";
    const where = this.getAttribute("where") ?? "";
    this.#start({ what, where, query: what || where ? { what, where } : null });
  }

  disconnectedCallback() {
    this.#watching.disconnect();
  }

  attributeChangedCallback() {
    this.#relabel(); // of an element in another's shadow root nobody else tells
  }

  get #language() {
    let node = this;
    let near = null;
    while (node && !(near = node.closest("[lang]"))) node = node.getRootNode().host;
    const asked = (near?.getAttribute("lang") ?? "").toLowerCase().split("-")[0];
    return asked in OWN ? asked : "nl";
  }

  #relabel() {
    if (!this.shadowRoot || !this.isConnected || this.#language === this.#spoken) return;
    const { what, where } = this.#parts;
    this.#start(what ? { what: what.value, where: where.value, query: this.#begun.query } : this.#begun);
  }

  /* Get the words, and with them the answer where there is a query: two requests to the first hit. `what` and `where` stand in the fields. */
  async #start(begun) {
    const turn = ++this.#searched;
    this.#begun = begun;
    this.#again = "";
    this.#spoken = this.#language;
    this.#close();
    this.#parts = {};
    this.#only(OWN[this.#spoken].wait);
    let failure = null;
    let answer = null;
    try {
      answer = await this.#get(begun.query ? "search" : "words", begun.query ?? {});
    } catch (error) {
      failure = error;
      // A hub that refuses or fails may have the words; where no answer comes, a second question would only wait as long.
      if (error.status) answer = await this.#get("words", {}).catch(() => null);
    }
    if (turn !== this.#searched) return;
    this.#words = answer?.words ?? null;
    if (!this.#words) {
      this.#only(OWN[this.#spoken].failed, () => this.#start(begun));
      return;
    }
    this.#build(begun.what, begun.where);
    if (failure) await this.#fail(failure, "", false);
    else if (answer.items) this.#show(answer, false);
  }

  /* A sentence instead of the form; with `again`, and a button that does it. */
  #only(text, again) {
    const button = again && make("button", { class: "again", type: "button", part: "button", text: OWN[this.#spoken].again });
    button?.addEventListener("click", again);
    this.#put(make("p", { class: "told", part: "told", role: again ? "alert" : "status", tabindex: again ? null : -1, text }), button);
  }

  /* Show this and nothing else; who was in it stays in it. Its language and direction are said here: the page may have given others, or none. */
  #put(...nodes) {
    const root = this.shadowRoot;
    const held = root.activeElement;
    root.replaceChildren(make("div", { lang: this.#spoken, dir: "ltr" }, ...nodes));
    if (held) ((held.id && root.getElementById(held.id)) || root.querySelector("button, input, [tabindex]")).focus();
  }

  async #get(path, parameters) {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), PATIENCE);
    try {
      const url = new URL(`${this.getAttribute("hub") ?? HUB}/widget/v1/${path}`);
      for (const [name, value] of Object.entries({ ...parameters, lang: this.#spoken })) if (value) url.searchParams.set(name, value);
      const response = await fetch(url, { credentials: "omit", referrerPolicy: "no-referrer", signal: limit.signal });
      if (response.ok) return await response.json();
      const problem = response.status === 400 ? await response.json().catch(() => null) : null;
      throw Object.assign(new Error(response.statusText), { status: response.status, wrong: problem?.issues?.[0]?.name });
    } finally {
      clearTimeout(timer);
    }
  }

  #build(what, where) {
    const words = this.#words;
    const p = this.#parts;
    p.what = make("input", { id: "what", type: "search", value: what, autocomplete: "off", "aria-describedby": "what-hint", maxlength: 100 });
    p.where = make("input", {
      id: "where", type: "text", value: where, autocomplete: "off", role: "combobox", maxlength: 100, "aria-autocomplete": "list",
      "aria-expanded": "false", "aria-controls": "choices", "aria-describedby": "where-hint",
    });
    p.choices = make("ul", { id: "choices", role: "listbox", "aria-label": words.where, hidden: true });
    p.told = make("p", { id: "told", class: "told", part: "told", tabindex: -1 });
    p.again = make("button", { class: "again", type: "button", part: "button", text: OWN[this.#spoken].again, hidden: true });
    p.status = make("p", { class: "hidden", role: "status" });
    p.results = make("div", { part: "results" });
    p.more = make("button", { class: "more", type: "button", part: "button", text: words.more, hidden: true });
    const others = [...document.querySelectorAll(this.localName)].indexOf(this);
    const form = make("form", { role: "search", "aria-label": others > 0 ? `${words.label} (${others + 1})` : words.label, part: "form" },
      make("div", { class: "field" }, make("label", { for: "what", text: words.what }), p.what, make("small", { id: "what-hint", text: words.what_hint })),
      make("div", { class: "field" }, make("label", { for: "where", text: words.where }), p.where, p.choices, make("small", { id: "where-hint", text: words.where_hint })),
      make("div", { class: "go" }, make("button", { type: "submit", part: "button", text: words.search })));
    this.#put(make("div", { class: "frame" }, form), p.told, p.again, p.status, p.results, p.more);
    form.addEventListener("submit", (event) => { event.preventDefault(); this.#close(); this.#search(); });
    p.what.addEventListener("input", () => this.#mark(null));
    p.where.addEventListener("input", () => { this.#mark(null); this.#type(); });
    p.where.addEventListener("keydown", (event) => this.#key(event));
    p.where.addEventListener("blur", () => setTimeout(() => { if (this.shadowRoot.activeElement !== p.where) this.#close(); }, 150));
    p.choices.addEventListener("mousedown", (event) => {
      const option = event.target.closest("[role=option]");
      if (!option) return;
      event.preventDefault(); // the list closes when the field loses the focus
      if (event.button === 0) this.#choose([...p.choices.children].indexOf(option));
    });
    p.more.addEventListener("click", () => this.#search(this.#last));
    p.again.addEventListener("click", () => this.#search(this.#again));
  }

  /* --- the place: a list autocomplete by the ARIA Authoring Practices; nothing is chosen before the visitor does --- */

  #type() {
    clearTimeout(this.#timer);
    const typed = this.#parts.where.value.trim();
    const turn = ++this.#asked;
    if (!typed) { this.#close(); return; }
    this.#timer = setTimeout(async () => {
      try {
        const { items } = await this.#get("suggest", { where: typed });
        if (turn === this.#asked) this.#open(items);
      } catch {
        if (turn === this.#asked) this.#close();
      }
    }, TYPING);
  }

  /* `wrong`: what is said before the number of places, where a search has just ended in this choice. */
  #open(items, wrong) {
    const { choices, where } = this.#parts;
    this.#options = items;
    this.#active = -1;
    choices.replaceChildren(...items.map((item, n) => make("li", { role: "option", id: `choice-${n}`, "aria-selected": "false", text: item.label })));
    choices.hidden = !items.length;
    choices.classList.toggle("asked", Boolean(wrong)); // the sentence below is not covered then
    where.setAttribute("aria-expanded", String(Boolean(items.length)));
    where.removeAttribute("aria-activedescendant");
    const said = !items.length ? this.#words.unknown_place : items.length === 1 ? this.#words.choices_one : fill(this.#words.choices, { n: items.length });
    this.#say(wrong ? `${wrong} ${said}` : said);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#asked++;
    const { choices, where } = this.#parts;
    if (!choices) return;
    choices.hidden = true;
    where.setAttribute("aria-expanded", "false");
    where.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    const { choices, where } = this.#parts;
    const open = !choices.hidden;
    if (event.key === "Escape") {
      if (open) this.#close(); else { where.value = ""; this.#mark(null); }
      event.preventDefault();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) { this.#type(); return; }
      const count = this.#options.length;
      this.#active = event.key === "ArrowDown" ? (this.#active + 1) % count : (this.#active <= 0 ? count : this.#active) - 1;
      [...choices.children].forEach((option, n) => option.setAttribute("aria-selected", String(n === this.#active)));
      where.setAttribute("aria-activedescendant", `choice-${this.#active}`);
      choices.children[this.#active].scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && open && this.#active >= 0) {
      event.preventDefault();
      this.#choose(this.#active);
    }
  }

  #choose(n) {
    this.#parts.where.value = this.#options[n].label;
    this.#mark(null);
    this.#close();
    this.#parts.where.focus();
  }

  /* --- the search --- */

  async #search(after) {
    const turn = ++this.#searched;
    const { what, where, more } = this.#parts;
    this.#again = after;
    this.#mark(null);
    if (!after) {
      this.#begun = { query: { what: what.value.trim(), where: where.value.trim() } };
      more.hidden = true; // it would go on with what was searched for before
    }
    this.#tell(this.#words.searching);
    try {
      const answer = await this.#get("search", { ...this.#begun.query, after });
      if (turn === this.#searched) this.#show(answer, Boolean(after));
    } catch (error) {
      if (turn === this.#searched) await this.#fail(error, after, true);
    }
  }

  /* What may be several places, or another, is a choice between them. Whoever searched just now comes to the field that is wrong, with the list open where there is one. */
  async #fail(error, after, asked) {
    const turn = this.#searched;
    const { where, results, [error.wrong]: field } = this.#parts;
    const { items } = error.wrong === "where" ? await this.#get("suggest", { where: where.value.trim() }).catch(() => ({ items: [] })) : { items: [] };
    if (turn !== this.#searched) return;
    if (!after) results.replaceChildren();
    const words = this.#words;
    const tooLong = field && [...field.value.trim()].length > field.maxLength; // a page can ask for more than can be typed
    const wrong = tooLong ? fill(words.too_long, { n: field.maxLength }) : items.length ? words.which_place : words[WRONG[error.wrong]];
    this.#settle(wrong ?? OWN[this.#spoken].failed, !wrong);
    if (!wrong) return;
    this.#mark(field);
    if (!asked) return;
    field.focus();
    if (items.length) this.#open(items, wrong);
  }

  /* The field that is wrong, or none, says so to a screen reader, with the sentence about it. */
  #mark(wrong) {
    const { what, where } = this.#parts;
    for (const field of [what, where]) {
      field.setAttribute("aria-invalid", String(field === wrong));
      field.setAttribute("aria-describedby", field === wrong ? `told ${field.id}-hint` : `${field.id}-hint`);
    }
  }

  /* Say how a search ended; with `again`, a button repeats it. Who pressed that button is not left behind where it was. */
  #settle(text, again) {
    const { told, again: button } = this.#parts;
    this.#tell(text);
    if (!again && this.shadowRoot.activeElement === button) told.focus();
    button.hidden = !again;
  }

  #show(answer, added) {
    const { results, more } = this.#parts;
    if (!added) { results.replaceChildren(); this.#shown = 0; this.#place = answer.place; }
    let first = null;
    for (const item of answer.items) {
      const node = this.#card(item);
      first ??= node;
      this.#group(item.tier).append(node);
    }
    this.#shown += answer.items.length;
    this.#last = answer.next ?? "";
    more.hidden = !answer.next;
    const n = added || answer.total === null ? this.#shown : answer.total;
    const words = this.#words;
    const told = !this.#shown ? words.none : n === 1 ? words.results_one : answer.next && (added || n > 1000) ? fill(words.results_more, { n: this.#shown }) : fill(words.results, { n });
    this.#settle(added ? told : this.#took(answer.place) + told, false);
    if (added && first) { first.tabIndex = -1; first.focus(); }
    this.dispatchEvent(new CustomEvent("fichehub-results", { bubbles: true, composed: true, detail: { shown: this.#shown } }));
  }

  /* The field shows the place that was searched in; where the visitor wrote it otherwise, it is also said. */
  #took(place) {
    const { where } = this.#parts;
    const typed = where.value.trim();
    if (!place || typed.toLowerCase() === place.label.toLowerCase()) return "";
    where.value = place.label;
    return `${fill(this.#words.place_taken, { place: place.label })} `;
  }

  #group(tier) {
    const { results } = this.#parts;
    const name = TIERS.includes(tier) && this.#place ? tier : "all";
    let group = results.querySelector(`section[data-tier=${name}]`);
    if (!group) {
      const title = name === "all" ? { class: "hidden", text: this.#words.found } : { text: this.#place.tiers[name] };
      group = make("section", { "data-tier": name }, make("h2", title), make("ol"));
      results.append(group);
    }
    return group.querySelector("ol");
  }

  #card(item) {
    const words = this.#words;
    const date = (iso) => new Intl.DateTimeFormat(`${this.#spoken}-BE`, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(iso));
    const tags = [];
    if (item.organisation_stopped) tags.push(make("li", { class: "stop", text: words.organisation_stopped }));
    if (item.umbrella) tags.push(make("li", { text: words.umbrella }));
    for (const said of [item.patientenstop, item.waiting_list].filter(Boolean)) {
      const since = said.since ? ` (${fill(words.asserted, { date: date(said.since) })})` : "";
      tags.push(make("li", { class: said.value === "yes" ? "stop" : null, text: said.text + since }));
    }
    tags.push(...(item.rubrieken ?? []).map((it) => make("li", { lang: it.text_language, text: it.text })));
    const { street, street_language, city, city_language } = item.address ?? {};
    const origin = (contact) => (words[`from_${contact.from}`] ? ` (${words[`from_${contact.from}`]})` : "");
    const reach = (item.contacts ?? []).map((contact) => {
      // Whole, as RFC 6068 has it: what a source wrote behind a question mark would be headers of the message.
      const value = contact.kind === "email" ? encodeURIComponent(contact.value).replaceAll("%40", "@") : contact.value;
      const href = { phone: "tel:", mobile: "tel:", email: "mailto:", website: "" }[contact.kind] + value;
      // What has no three digits can be called nowhere: sources write words where they have no number.
      const safe = /^(tel:(\D*\d){3}|mailto:|https?:\/\/)/i.test(href);
      return make("li", {}, make("span", { class: "hidden", text: `${words[contact.kind]}: ` }),
        safe ? make("a", { href, rel: "noopener noreferrer", text: written(contact.value) }) : contact.value, origin(contact) ? make("small", { text: origin(contact) }) : null);
    });
    return make("li", { class: "card", part: "card" },
      make("h3", { lang: item.name_language, text: item.name ?? "" }),
      item.organisation && item.organisation !== item.name ? make("p", { class: "by", lang: item.organisation_language, text: item.organisation }) : null,
      street || city ? make("p", {}, street ? make("span", { lang: street_language, text: street }) : null, street && city ? ", " : null, city ? make("span", { lang: city_language, text: city }) : null) : null,
      item.why ? make("p", {}, make("small", { text: item.why })) : null,
      tags.length ? make("ul", { class: "tags" }, ...tags) : null,
      reach.length ? make("ul", { class: "reach" }, ...reach) : null,
      make("p", {}, make("small", { text: fill(words.source, { sources: item.sources?.join(", ") ?? "", date: date(item.updated_at) }) })));
  }

  #tell(text) {
    this.#parts.told.textContent = text;
    this.#say(text);
  }

  #say(text) {
    // Announced once per settled state: a screen reader would otherwise read every step on the way.
    const { status } = this.#parts;
    clearTimeout(this.#saying);
    this.#saying = setTimeout(() => { status.textContent = text; }, 700);
  }
}

if (!customElements.get("fichehub-zoek")) customElements.define("fichehub-zoek", FichehubZoek);
