// node-postgres (`pg`, `pg-pipeline`) and postgres.js (`postgres`) through the steps of tests/drivers/vocabulary.py.
// How it is asked and how it answers is told in tests/drivers/clients/built.py.
"use strict";

const fs = require("fs");
const readline = require("readline");
const { pipeline } = require("stream/promises");
const { Readable, Writable } = require("stream");
const { Client, Pool } = require("pg");
const Cursor = require("pg-cursor");
const copy = require("pg-copy-streams");
const postgres = require("postgres");

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (document) => process.stdout.write(JSON.stringify(document) + "\n");
const note = (step, report) => say({ step, ...report });
const ask = async (what) => {
  say({ ask: what });
  await lines.next();
};
const told = (error) => ({
  sqlstate: error.code ?? null,
  message: error.message,
  detail: error.detail ?? null,
  hint: error.hint ?? null,
});
const failing = async (work) => {
  try {
    await work();
  } catch (error) {
    return told(error);
  }
  return {};
};
const lost = async (work) => Object.keys(await failing(work)).length > 0;
const tls = (target) => (target.ca ? { ca: fs.readFileSync(target.ca, "utf8") } : false);
const copied = (count) => Array.from({ length: count }, (_, n) => `copy-${n}\tt\n`);
const gathered = () => {
  const chunks = [];
  const sink = new Writable({ write: (chunk, _, done) => (chunks.push(chunk), done()) });
  return { sink, count: () => Buffer.concat(chunks).toString().split("\n").length - 1 };
};

async function nodePostgres({ target, mode, sql, copied: count }) {
  const options = { ...target, ssl: tls(target), pipeline: mode === "pg-pipeline" };
  const client = new Client(options);
  client.on("error", () => {}); // the server ends it at the last step
  await client.connect();
  const rows = async (text, ...values) =>
    (await client.query({ text, values: values.length ? values : undefined, rowMode: "array" })).rows;
  const plain = async (text, ...values) => (await rows(text, ...values)).map(([id, name]) => [Number(id), name]);
  const then = async () => (await rows("SELECT 1"))[0][0];

  note("TLS", { on: Boolean(client.connection.stream.encrypted) });
  note("allowed", { rows: await plain(sql.allowed, 3) });
  note("denied, simple", { ...(await failing(() => client.query(sql.denied))), then: await then() });
  const named = async (number) =>
    (await client.query({ name: "one", text: sql.allowed, values: [number] })).rows.map(({ name }) => name);
  const prepared = [await named(1), await named(2), await named(2)];
  const two = () => client.query({ name: "two", text: sql.denied_with, values: [1] });
  note("denied, prepared", {
    rows: prepared,
    ...(await failing(two)),
    again: (await failing(two)).sqlstate,
    then: await then(),
  });

  const insert = (key) => sql.insert.replace("%s", key);
  if (mode === "pg") {
    const text = `${insert("batch-1")}; ${sql.denied}; ${insert("batch-2")}`;
    note("denied in a batch", { ...(await failing(() => client.query(text))), then: await then() });
  } else {
    const many = [client.query(sql.insert_with, ["batch-1"]), client.query(sql.denied_with, [1])];
    many.push(client.query(sql.insert_with, ["batch-2"]));
    const settled = await Promise.allSettled(many);
    note("denied in a batch", {
      states: settled.map(({ status }) => status),
      ...told(settled[1].reason),
      then: await then(),
    });
  }
  await client.query("BEGIN");
  await client.query(sql.insert_with, ["transaction-1"]);
  const said = await failing(() => client.query(sql.denied_with, [1]));
  const aborted = (await failing(then)).sqlstate;
  const end = (await client.query("COMMIT")).command;
  note("denied in a transaction", { ...said, aborted, end, then: await then() });

  if (mode === "pg") {
    const { Query } = require("pg");
    const query = client.query(new Query(sql.long));
    const failed = new Promise((resolve) => query.on("error", (error) => resolve(told(error))));
    await ask("running");
    new Client(options).cancel(client, query);
    note("cancel", { ...(await failed), then: await then() });

    const into = client.query(copy.from(sql.copy_in));
    await pipeline(Readable.from(copied(count)), into);
    const { sink, count: counted } = gathered();
    await pipeline(client.query(copy.to(sql.copy_out)), sink);
    const refused = await failing(() => pipeline(client.query(copy.to(sql.copy_denied)), gathered().sink));
    note("COPY", { into: into.rowCount, out: counted(), ...refused, then: await then() });

    const cursor = client.query(new Cursor(sql.big, [], { rowMode: "array" }));
    let found = [];
    for (let some; (some = await cursor.read(1000)).length; ) found = found.concat(some.map(([n]) => n));
    await cursor.close();
    note("big result", { rows: found.length, sum: found.reduce((a, b) => a + b) });
  }
  const pool = new Pool({ ...options, max: 1 });
  pool.on("error", () => {});
  await pool.query("SELECT 1");
  await ask("kill");
  const gone = await lost(then);
  await lost(() => pool.query("SELECT 1")); // the pool may find out only now
  note("reconnect", { lost: gone, then: (await pool.query("SELECT 1 AS one")).rows[0].one });
  await pool.end();
  await lost(() => client.end());
}

async function postgresJs({ target, sql: texts, copied: count }) {
  const sql = postgres({ ...target, ssl: tls(target), max: 1, onnotice: () => {} });
  const then = async () => (await sql`SELECT 1 AS one`)[0].one;
  const plain = (rows) => rows.map(({ id, name }) => [Number(id), name]);

  await then();
  note("TLS", { on: Boolean(target.ca) }); // its sockets are hidden; a listener that takes tokens speaks TLS only
  note("allowed", { rows: plain(await sql.unsafe(texts.allowed, [3])) });
  note("denied, simple", { ...(await failing(() => sql.unsafe(texts.denied).simple())), then: await then() });
  const one = (number) => sql`SELECT id, name FROM stickers WHERE id <= ${number} ORDER BY id`;
  const prepared = [plain(await one(1)), plain(await one(2)), plain(await one(2))];
  const two = (number) => sql`SELECT state FROM moderation_queue WHERE id = ${number}`;
  note("denied, prepared", {
    rows: prepared,
    ...(await failing(() => two(1))),
    again: (await failing(() => two(2))).sqlstate,
    then: await then(),
  });
  // Sent without waiting, each with a Sync of its own.
  const insert = (key) => sql`INSERT INTO feature_flags (key, enabled) VALUES (${key}, true)`;
  const settled = await Promise.allSettled([insert("batch-1"), two(1), insert("batch-2"), two(2), insert("batch-3")]);
  const text = ["many-1", "many-2"].map((key) => texts.insert.replace("%s", key)).join(`; ${texts.denied}; `);
  note("denied in a batch", {
    states: settled.map(({ status }) => status),
    ...told(settled[1].reason),
    many: (await failing(() => sql.unsafe(text).simple())).sqlstate,
    then: await then(),
  });
  let aborted;
  const said = await failing(() =>
    sql.begin(async (sql) => {
      await sql`INSERT INTO feature_flags (key, enabled) VALUES ('transaction-1', true)`;
      const inner = await failing(() =>
        sql.savepoint((sql) => [
          sql`INSERT INTO feature_flags (key, enabled) VALUES ('transaction-2', true)`,
          sql`SELECT state FROM moderation_queue WHERE id = ${1}`,
        ])
      );
      if (inner.sqlstate !== "42501") throw new Error(`the savepoint: ${inner.message}`);
      await sql`INSERT INTO feature_flags (key, enabled) VALUES ('transaction-3', true)`;
      const denied = await sql`SELECT state FROM moderation_queue WHERE id = ${1}`.catch((error) => error);
      aborted = (await failing(() => sql`SELECT 1`)).sqlstate;
      throw denied;
    })
  );
  note("denied in a transaction", { ...said, aborted, then: await then() });

  const query = sql.unsafe(texts.long);
  const failed = failing(() => query);
  await ask("running");
  query.cancel();
  note("cancel", { ...(await failed), then: await then() });

  const into = await sql`COPY feature_flags (key, enabled) FROM STDIN`.writable();
  await pipeline(Readable.from(copied(count)), into);
  const { sink, count: counted } = gathered();
  await pipeline(await sql`COPY (SELECT id, name FROM stickers) TO STDOUT`.readable(), sink);
  const refused = await failing(async () =>
    pipeline(await sql`COPY moderation_queue (state) TO STDOUT`.readable(), gathered().sink)
  );
  note("COPY", { into: count, out: counted(), ...refused, then: await then() });

  let [rows, sum] = [0, 0];
  for await (const some of sql.unsafe(texts.big).cursor(1000)) {
    rows += some.length;
    sum += some.reduce((total, { n }) => total + n, 0);
  }
  note("big result", { rows, sum });

  await ask("kill");
  // It connects again by itself; what is asked before it has found out, or while it does, may still be lost.
  for (let tries = 0; tries < 5 && (await lost(then)); tries++);
  note("reconnect", { then: await then() });
  await sql.end();
}

async function main() {
  for (let line; !(line = await lines.next()).done; ) {
    const play = JSON.parse(line.value);
    try {
      await (play.mode === "postgres" ? postgresJs(play) : nodePostgres(play));
      say({ end: true });
    } catch (error) {
      say({ fault: error.stack });
    }
  }
}

main();
