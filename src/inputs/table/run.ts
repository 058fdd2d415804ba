import type { InputDefinition } from './definition';

export const runInputs = [
  {
    name: 'phases',
    description: 'Which of kexec, disko, install, reboot to carry out, separated by commas.',
    default: 'kexec,disko,install,reboot',
  },
  {
    name: 'on-installed',
    description:
      'What to do with a machine that already runs NixOS: `fail`, `skip` (nothing), `update` (copy and switch, nothing is wiped), `reinstall`, or `converge` (same install-id: update; another one: reinstall; none recorded: fail).',
    default: 'fail',
  },
  {
    name: 'plan',
    description:
      'Only shows what would be done; changes nothing on the target. `offline` shows what the configuration alone decides, without a connection or a secret.',
    default: 'false',
  },
  {
    name: 'approved-plan',
    description:
      'The plan-digest that was approved; if machine, system, disks or action are not what it says, nothing is done.',
  },
  {
    name: 'build-only',
    description:
      'Evaluates and builds, and contacts no machine. With hosts: what the runs of all these will want, for the cache.',
    default: 'false',
  },
  {
    name: 'hooks',
    description:
      'Programs of yours between the phases, one `WHEN WHERE SCRIPT` a line: `before-PHASE` or `after-PHASE`, `runner` or `target`, and a file on the runner.',
  },
  {
    name: 'vm-test',
    description:
      'Installs the configuration in a virtual machine (config.system.build.installTest), and contacts no other.',
    default: 'false',
  },
  { name: 'print-build-logs', description: 'Shows the full logs of builds.', default: 'false' },
  {
    name: 'debug',
    description:
      'Shows details of every step; implies print-build-logs. Without it a run with debug logging (RUNNER_DEBUG) has it on; `false` keeps it off there, too.',
    default: 'false',
  },
  {
    name: 'connect-timeout',
    description: 'How long connecting may take, each time: `90`, `90s`, `2m`, `1h`.',
    default: '2m',
  },
  {
    name: 'kexec-timeout',
    description: 'How long the machine may take from the kexec until the installer answers.',
    default: '10m',
  },
  {
    name: 'reboot-timeout',
    description: 'How long the machine may take from the reboot until the new system answers.',
    default: '15m',
  },
  {
    name: 'idle-timeout',
    description: 'How long any step may go on without output or bytes.',
    default: '10m',
  },
  {
    name: 'disko-idle-timeout',
    description: 'The same for disko, which may be silent while it formats.',
    default: '30m',
  },
  {
    name: 'vm-test-timeout',
    description: 'How long vm-test may take, with all that it needs to be built.',
    default: '1h',
  },
] as const satisfies readonly InputDefinition[];
