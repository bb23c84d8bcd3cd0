// The Node client in conduct.py; speaks as conduct_worker.py does.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";

const [directory, integration, host, key] = process.argv.slice(2);
const resolve = createRequire(directory + "/").resolve;
const { Nango } = await import(pathToFileURL(resolve("@nangohq/node")));
const nango = new Nango({ host, secretKey: key });

console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const [id, calls, atOnce] = line.split(" ");
  let [left, tokens, said] = [Number(calls), 0, ""];
  await Promise.all(
    Array.from({ length: Number(atOnce) }, async () => {
      while (left-- > 0) {
        try {
          await nango.getToken(integration, id);
          tokens++;
        } catch (error) {
          said = inspect(error, { depth: 3 });
        }
      }
    }),
  );
  console.log(JSON.stringify({ tokens, said }));
}
