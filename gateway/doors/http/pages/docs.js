"use strict";
// A form for each operation of /openapi.json. Everything shown is put in as text: nothing of an answer becomes markup.

const made = (kind, attributes = {}, ...children) => {
  const element = Object.assign(document.createElement(kind), attributes);
  element.append(...children);
  return element;
};

const resolved = (description, schema) =>
  schema.$ref ? description.components.schemas[schema.$ref.split("/").pop()] : schema;

const example = (description, schema, name) => {
  const found = resolved(description, schema);
  if (found.type === "object") {
    const wanted = Object.entries(found.properties || {}).filter(([key]) => (found.required || []).includes(key));
    return Object.fromEntries(wanted.map(([key, value]) => [key, example(description, value, key)]));
  }
  if (found.type === "array") return [example(description, found.items, name)];
  if (found.type === "integer") return found.minimum || 0;
  if (found.type === "boolean") return false;
  if (found.enum) return found.enum[0];
  return name === "sql" ? "SELECT 1" : "";
};

const fields = (description, schema) => {
  const table = made("table", { className: "fields" });
  for (const [name, value] of Object.entries(schema.properties || {})) {
    const found = resolved(description, value);
    const needed = (schema.required || []).includes(name) ? "required" : "";
    table.append(made("tr", {},
      made("td", {}, made("code", { textContent: name })),
      made("td", { textContent: String(found.type || "") }),
      made("td", { textContent: needed }),
      made("td", { textContent: found.description || "" })));
  }
  return table;
};

const shown = async (response) => {
  const head = ["Content-Type", "Sekisho-Decision-Id", "Sekisho-Valid-Until"]
    .filter((name) => response.headers.has(name)).map((name) => `${name}: ${response.headers.get(name)}`);
  let body = await response.text();
  try { body = JSON.stringify(JSON.parse(body), null, 2); } catch { /* no JSON: shown as it came */ }
  return [`${response.status} ${response.statusText}`, ...head, "", body].join("\n");
};

const form = (description, path, method, operation) => {
  const box = made("details", {},
    made("summary", {}, made("span", { className: "method", textContent: method.toUpperCase() }),
      made("code", { textContent: path }), " ", operation.summary));
  const inputs = (operation.parameters || []).map((parameter) => {
    const input = made("input", { id: `${operation.operationId}-${parameter.name}`, spellcheck: false });
    box.append(made("label", { htmlFor: input.id, textContent: `${parameter.name}: ${parameter.description || ""}` }), input);
    return [parameter, input];
  });
  let body = null;
  if (operation.requestBody) {
    const schema = resolved(description, operation.requestBody.content["application/json"].schema);
    box.append(fields(description, schema));
    body = made("textarea", { spellcheck: false, value: JSON.stringify(example(description, schema), null, 2) });
    body.setAttribute("aria-label", `document for ${path}`);
    box.append(body);
  }
  const answer = made("pre", { hidden: true });
  const send = made("button", { type: "button", textContent: "Send" });
  send.addEventListener("click", async () => {
    const headers = {};
    const token = document.getElementById("token").value.trim();
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body) headers["Content-Type"] = "application/json";
    const query = new URLSearchParams();
    for (const [parameter, input] of inputs) {
      if (!input.value) continue;
      if (parameter.in === "header") headers[parameter.name] = input.value; else query.append(parameter.name, input.value);
    }
    const target = query.size ? `${path}?${query}` : path;
    send.disabled = true;
    try {
      answer.textContent = await shown(await fetch(target, {
        method: method.toUpperCase(), headers, body: body ? body.value : undefined, credentials: "omit", cache: "no-store",
      }));
    } catch (error) {
      answer.textContent = String(error);
    }
    answer.hidden = false;
    send.disabled = false;
  });
  box.append(send, answer);
  return box;
};

const start = async () => {
  document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  const main = document.getElementById("operations");
  const description = await (await fetch("/openapi.json", { credentials: "omit" })).json();
  document.getElementById("version").textContent = description.info.version;
  document.getElementById("about").textContent = description.info.description;
  const groups = new Map();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(form(description, path, method, operation));
    }
  }
  for (const [tag, boxes] of groups) main.append(made("h2", { textContent: tag }), ...boxes);
};

start();
