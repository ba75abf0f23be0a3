// What waits for a person: a list, one case, and the form that settles it.
// Every text from the gateway is set as text, never as markup.
import { open } from "./api.js";
import { words } from "./words.js";

const refreshEvery = 15_000; // ms

const $ = (id) => document.getElementById(id);
let lang = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
let gateway = null; // an open API; null before a key was taken
let list = { undecided: [], more: false };
let chosen = null; // the case that is shown

const beijing = (at) => new Date(at).toLocaleString("sv-SE", { timeZone: "Asia/Shanghai" });

const say = (name, fill = {}) =>
  (words[lang][name] ?? name).replace(/\{(\w+)\}/g, (_, what) => fill[what] ?? "");
// The gateway tells moments in Beijing time: they are shown as they come.
const moment = (text) => (text ? text.slice(0, 19).replace("T", " ") : "–");
const element = (name, text, kind) => {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  if (kind) e.className = kind;
  return e;
};
const code = (text) => (text ? element("code", text) : element("span", "–"));

function render() {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  document.title = say("title");
  for (const e of document.querySelectorAll("[data-say]")) e.textContent = say(e.dataset.say);
  $("lang").textContent = say("other");
  $("leave").hidden = $("work").hidden = !gateway;
  $("enter").hidden = !!gateway;
  $("asof").textContent = gateway && list.at ? say("asof", { time: beijing(list.at) }) : "";
  if (!gateway) return;
  renderList();
  renderCase();
}

const columns = ["look", "bank", "operation", "number", "since", "unknown", "asked", "next", "card", "state"];
const figures = ["unknown", "asked"];

function renderList() {
  const some = list.undecided.length > 0;
  $("empty").hidden = some;
  $("list").hidden = !some;
  $("more").hidden = !list.more;
  $("list_head").replaceChildren(...columns.map((c) => element("th", say("col_" + c), figures.includes(c) ? "figure" : "")));
  $("list_body").replaceChildren(...list.undecided.map(row));
}

function row(u) {
  const look = element("button", say("look"));
  look.type = "button";
  look.dataset.attempt = u.attempt;
  look.addEventListener("click", () => lookInto(u.attempt, true));
  const cells = {
    bank: u.bank + " / " + u.channel, operation: say("op_" + u.operation), number: code(u.number), since: moment(u.since),
    unknown: age(u.since), asked: say("times", { n: u.asked }), next: moment(u.next_at), card: "****" + u.card_last4,
    state: say("state_" + u.state), look,
  };
  const tr = element("tr", undefined, chosen?.undecided.attempt === u.attempt ? "chosen" : "");
  for (const c of columns) {
    const td = element("td", undefined, figures.includes(c) ? "figure" : "");
    td.append(cells[c]);
    tr.append(td);
  }
  return tr;
}

function age(since) {
  const hours = Math.floor((list.at - Date.parse(since)) / 3_600_000);
  return hours < 72 ? say("hours", { n: hours }) : say("days", { n: Math.floor(hours / 24) });
}

function renderCase() {
  $("case").hidden = !chosen;
  if (!chosen) return;
  const u = chosen.undecided;
  const operation = say("op_" + u.operation);
  const about = { operation, since: moment(u.since), bank: u.bank, number: u.number, card: u.card_last4 };
  $("case_title").textContent = say("case_title", about);
  const outcome = element("span", say("out_" + chosen.outcome), "word " + chosen.outcome);
  const facts = [
    ["attempt", code(u.attempt)], ["binding", code(u.binding)], ["number", code(u.number)], ["outcome", outcome],
    ["bank", u.bank + " / " + u.channel], ["state", say("state_" + u.state)], ["card", "****" + u.card_last4], ["agreement", code(u.agreement)],
    ["caller", u.caller], ["asked", say("times", { n: u.asked })], ["next", moment(u.next_at)],
  ];
  $("facts").replaceChildren(...facts.flatMap(([name, value]) => {
    const dd = element("dd");
    dd.append(value);
    return [element("dt", say(name)), dd];
  }));
  const numbers = Object.fromEntries(chosen.history.map((a) => [a.id, a.number]));
  const lines = [...runs(chosen.history).map((run) => [run[0].at, line(run, numbers)]), ...(chosen.notices ?? []).map((n) => [n.at, notice(n)])];
  $("history").replaceChildren(...lines.sort(([a], [b]) => a.localeCompare(b)).map(([, li]) => li));
  $("ask").textContent = chosen.decidable ? say("ask", about) : say("closed", { why: chosen.why });
  $("decide_fields").disabled = !chosen.decidable;
  $("accepted_text").textContent = say(u.needs_agreement ? "accepted_sign" : "accepted_text");
  $("never_text").textContent = say(u.operation === "unsign" ? "never_unsign" : "never_text");
  renderAgreement();
}

// A bank may have been asked the same a hundred times: what came of it is shown once.
function runs(history) {
  const all = [];
  for (const a of history) {
    const last = all.at(-1);
    const alike = last && a.operation === "query" && ["operation", "of", "outcome", "code", "bank_code"].every((k) => last[0][k] === a[k]);
    if (alike && a.settled_at) last.push(a);
    else all.push([a]);
  }
  return all;
}

function line([a, ...others], numbers) {
  const li = element("li", undefined, a.id === chosen.undecided.attempt ? "this" : "");
  const settled = !!a.settled_at;
  const word = element("span", settled ? say("out_" + a.outcome) : "…", "word " + (settled ? a.outcome : ""));
  const what = element("span");
  what.append(word);
  li.append(element("span", moment(a.at)), element("span", say("op_" + a.operation)), what);
  const more = [];
  if (a.number) more.push("№ " + a.number);
  if (a.of) more.push(say("of", { number: numbers[a.of] || a.of }));
  if (a.code || a.bank_code) more.push([a.code, a.bank_code].filter(Boolean).join(" "));
  if (a.note) more.push(say("by", { note: a.note }));
  if (!settled) more.push(say("under_way"));
  if (a.took_ms) more.push(say("took", { ms: Math.round(a.took_ms) }));
  if (a.id === chosen.undecided.attempt) more.push(say("this_one"));
  if (others.length > 0) more.push(say("alike", { n: others.length, until: moment(others.at(-1).at) }));
  li.append(element("span", more.join(" · "), "more"), ...transcript([["→", a.said], ["←", a.heard]]));
  return li;
}

function notice(n) {
  const li = element("li");
  li.append(element("span", moment(n.at)), element("span", say("notice")), element("span"), element("span", n.id, "more"), ...transcript([["←", n.heard]]));
  return li;
}

// A message is one line of Name=value; each field gets its own.
function transcript(words) {
  const some = words.filter(([, text]) => text);
  if (some.length === 0) return [];
  const details = element("details", undefined, "more");
  details.append(element("summary", say("words")), element("pre", some.map(([arrow, text]) => arrow + " " + text.split("  ").join("\n    ")).join("\n")));
  return [details];
}

const decision = () => new FormData($("decide_form")).get("decision");

function renderAgreement() {
  const wanted = decision() === "accepted" && chosen?.undecided.needs_agreement;
  $("agreement_row").hidden = !wanted;
  $("agreement").required = !!wanted;
  if (!wanted) $("agreement").value = "";
}

function tell(kind, ...lines) {
  $("notice").className = kind;
  $("notice").replaceChildren(...lines.filter(Boolean).map((text) => element("p", text)));
  $("notice").hidden = lines.length === 0;
}

function tellProblem(problem) {
  if (!problem.body) throw problem; // our own mistake: the browser's console shows it
  if (problem.status === 0) return tell("bad", say("unreachable"));
  const b = problem.body;
  tell("bad", b.title || "HTTP " + problem.status, b.detail, ...(b.errors ?? []).map((e) => e.pointer + " " + e.message),
    b.remedy?.[lang], b.request_id && say("request", { id: b.request_id }));
}

async function refresh() {
  if (!gateway) return;
  const asked = gateway;
  try {
    const read = await asked.undecided();
    if (asked !== gateway) return;
    list = read;
    render();
  } catch (problem) {
    if (problem.status === 401 || problem.status === 403) leave();
    tellProblem(problem);
  }
}

async function lookInto(attempt, scroll) {
  try {
    const read = await gateway.look(attempt);
    if (chosen?.undecided.attempt !== attempt) $("decide_form").reset();
    chosen = read;
    tell("");
    $("notice").hidden = true;
    render();
    if (scroll) $("case").scrollIntoView({ block: "start" });
  } catch (problem) {
    tellProblem(problem);
  }
}

async function enter(event) {
  event.preventDefault();
  const asked = open($("key").value.trim());
  $("key").value = "";
  try {
    list = await asked.undecided();
    gateway = asked;
    $("notice").hidden = true;
    render();
  } catch (problem) {
    if (problem.status === 403) return tell("bad", say("not_operator"), problem.body.detail);
    tellProblem(problem);
  }
}

function leave() {
  gateway = chosen = null;
  list = { undecided: [], more: false };
  for (const body of ["list_body", "facts", "history"]) $(body).replaceChildren();
  $("decide_form").reset();
  $("notice").hidden = true;
  if ($("sure").open) $("sure").close();
  render();
  $("key").focus();
}

function ask(event) {
  event.preventDefault();
  const u = chosen.undecided;
  const word = { accepted: "accepted_word", refused: "refused_word", "never-arrived": "never_word" }[decision()];
  const agreement = $("agreement").value.trim();
  $("sure_text").textContent = say("sure_text", { operation: say("op_" + u.operation), number: u.number, decision: say(word) }) +
    (agreement ? " " + say("sure_agreement", { agreement }) : "");
  $("sure").showModal();
}

async function decide() {
  const { attempt } = chosen.undecided;
  const agreement = $("agreement").value.trim();
  $("sure_yes").disabled = true;
  try {
    const now = await gateway.decide(attempt, { decision: decision(), reason: $("reason").value.trim(), ...(agreement && { agreement }) });
    $("decide_form").reset();
    await lookInto(attempt, false);
    await refresh();
    tell("good", say("decided", { attempt: now.attempt, outcome: say("out_" + now.outcome), binding: now.binding, state: say("state_" + now.state) }));
  } catch (problem) {
    tellProblem(problem);
  } finally {
    $("sure_yes").disabled = false;
    $("sure").close();
    $("notice").scrollIntoView({ block: "nearest" });
  }
}

$("enter_form").addEventListener("submit", enter);
$("find_form").addEventListener("submit", (event) => {
  event.preventDefault();
  const attempt = $("find").value.trim();
  if (!/^att_[0-9A-HJKMNP-TV-Z]{26}$/.test(attempt)) return tell("bad", say("find_bad"));
  lookInto(attempt, true);
});
$("decide_form").addEventListener("submit", ask);
$("decide_form").addEventListener("change", renderAgreement);
$("sure_no").addEventListener("click", () => $("sure").close());
$("sure_yes").addEventListener("click", decide);
$("leave").addEventListener("click", leave);
$("lang").addEventListener("click", () => {
  lang = lang === "zh" ? "en" : "zh";
  render();
});
setInterval(() => document.visibilityState === "visible" && !$("sure").open && refresh(), refreshEvery);
render();
$("key").focus();
