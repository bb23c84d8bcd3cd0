// The fetch benchmark's Node contestant; speaks as fetch_worker.py does.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [port, directory, integration, key] = process.argv.slice(2);
const resolve = createRequire(directory + "/").resolve;
const { Nango } = await import(pathToFileURL(resolve("@nangohq/node")));
const nango = new Nango({ host: `http://127.0.0.1:${port}`, secretKey: key });
let number = 0;
const fetch = () =>
  nango.getConnection(integration, `customer-${String(number++).padStart(8, "0")}`);

await fetch();
console.log("ready", process.version);
for await (const line of createInterface({ input: process.stdin })) {
  const [calls, atOnce] = line.split(" ").map(Number);
  const began = process.cpuUsage();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let n = 0; n < Math.floor(calls / atOnce); n++) await fetch();
    }),
  );
  const { user, system } = process.cpuUsage(began);
  console.log((user + system) / (Math.floor(calls / atOnce) * atOnce));
}
