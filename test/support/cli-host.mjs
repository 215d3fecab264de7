// The built command line, one command after another in one process: loading it is most of a short command's work.
import { runLine } from '../../dist/cli/line.js';

process.on('disconnect', () => process.exit(0));
process.on('message', async ({ args, cwd, env, main, mark }) => {
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.argv = [process.execPath, main, ...args];
  const code = await runLine(process.argv);
  process.exitCode = undefined;
  process.stdout.write(mark);
  process.stderr.write(mark, () => process.send({ code }));
});
process.send({ ready: true });
