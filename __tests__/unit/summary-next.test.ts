// What the summary says there is to do once a run is over, and that it says nothing where there is nothing to do.
import { describe, expect, test } from 'vitest';
import { type OnlinePlan, type Plan, planDigest } from '../../src/plan/plan';
import { Progress, type Result } from '../../src/report/result';
import { nextSection } from '../../src/report/summary/next';
import { planFor } from '../support/planned';

const oldKey = 'AAAAC3NzaC1lZDI1NTE5AAAAIKYQxbG73LWd744eB5EPwg2OrxjKd3b2Lp2ANpjcSeUa';
const newKey = 'AAAAC3NzaC1lZDI1NTE5AAAAICRLoymbCfJDTBtzXdmM0q+/EvRTGiNnjwcHe9y2pRrp';
const fingerprintOfOld = 'ssh-ed25519 SHA256:dcJoTP6elnq+eEakEWVpDRg1r9kcpHfG+eXvpG+9X8s';
const target = 'me@example.org:22';

function planWith(change: Partial<Plan> = {}, online: Partial<OnlinePlan> = {}): Plan {
  const plan = { ...planFor(), ...change };
  return { ...plan, online: { ...plan.online, target, hostKeys: [fingerprintOfOld], ...online } };
}

function nextOf(outcome: Result['outcome'], of: Partial<Result> = {}, plan = planWith()): string {
  const result = { ...new Progress().result(outcome), target, planDigest: planDigest(plan), ...of };
  return nextSection({ ...result, plan: { ...plan, work: null } }).join('\n\n');
}
const keys = (base64: string, name = 'example.org') => ({ hostKeys: [`${name} ssh-ed25519 ${base64}`] });

describe('the host keys of the new system', () => {
  test('that are others: which lines they are for, and how ssh forgets the old ones', () => {
    const next = nextOf('installed', keys(newKey, '[example.org]:2222'));
    expect(next).toMatch(
      /^### What to do next\n\n\*\*Host keys:\*\* the machine has new ones\. Put these lines/,
    );
    expect(next).toContain('in place of those that begin with <code>&#91;example.org&#93;:2222</code>');
    expect(next).toContain(`\`\`\`text\n[example.org]:2222 ssh-ed25519 ${newKey}\n\`\`\``);
    expect(next).toContain("<code>ssh-keygen -R '&#91;example.org&#93;:2222'</code>");
  });

  test('that it had before: nothing to replace, and nothing to encrypt anew', () => {
    const same = nextOf('installed', { ...keys(oldKey), agePublicKeys: ['age1old'] });
    expect(same).toContain(
      'has kept those that it had: in <code>known-hosts</code> there is nothing to replace',
    );
    expect(same).toContain(`example.org ssh-ed25519 ${oldKey}`);
    expect(same).not.toMatch(/ssh-keygen|age1old/);
  });

  test('of which one is still one of those that it was known by stay good', () => {
    const two = [...keys(newKey).hostKeys, ...keys(oldKey).hostKeys];
    expect(nextOf('installed', { hostKeys: two })).toContain('nothing to replace');
    const knownByMore = planWith({}, { hostKeys: ['ssh-rsa SHA256:gone', fingerprintOfOld] });
    expect(nextOf('installed', keys(oldKey), knownByMore)).toContain('nothing to replace');
    const knownByNone = planWith({}, { hostKeys: [] });
    expect(nextOf('installed', keys(oldKey), knownByNone)).toContain('the machine has new ones');
  });

  test('are told after a failure too, and after an update only where they changed', () => {
    expect(nextOf('failed', keys(newKey))).toContain('the machine has new ones');
    for (const outcome of ['failed', 'updated', 'unchanged'] as const)
      expect(nextOf(outcome, keys(oldKey)), outcome).toBe('');
  });

  test('are recipients for age', () => {
    const next = nextOf('installed', { ...keys(newKey), agePublicKeys: ['age1new'] });
    expect(next).toMatch(/sops-nix.*agenix takes the key itself.*\n\n```text\nage1new\n```/);
    expect(nextOf('installed', keys(newKey))).not.toContain('sops-nix');
  });
});

describe('how to update from now on', () => {
  const offline = (change: Partial<Plan['offline']>) =>
    planWith({ offline: { ...planFor().offline, ...change } });
  const flake = `.?dir=a's#nixosConfigurations."web-1"`;

  test('by the same workflow, with an install-id and without', () => {
    expect(nextOf('installed', keys(newKey), offline({ installId: null }))).toMatch(
      /on-installed: update.*nothing is wiped\. For a workflow that runs again and again, give an <code>install-id/,
    );
    expect(nextOf('installed', keys(newKey), offline({ installId: 'a' }))).toContain(
      'as long as <code>install-id</code> is <code>a</code>; another id has the machine installed anew',
    );
  });

  test('by hand, where there is a flake; each word is quoted', () => {
    const command = (plan: Plan, of = keys(newKey)) =>
      /```text\n(.*nixos-rebuild.*)\n```/.exec(nextOf('installed', of, plan))?.[1];
    expect(command(offline({ configuration: flake }))).toBe(
      `nixos-rebuild switch --flake '.?dir=a'\\''s#web-1' --target-host 'root@example.org'`,
    );
    const terms = { ...planFor().terms };
    const asAdmin = { ...terms, afterwards: { ...terms.afterwards, user: 'admin' } };
    const moved = keys(newKey, '[example.org]:2222');
    expect(command({ ...offline({ configuration: flake }), terms: asAdmin }, moved)).toBe(
      `NIX_SSHOPTS='-p 2222' nixos-rebuild switch --flake '.?dir=a'\\''s#web-1' --target-host 'admin@example.org' --sudo`,
    );
    expect(command(offline({ configuration: flake }), keys(newKey, '2001:db8::1'))).toBeUndefined();
    expect(command(offline({ configuration: './default.nix web-1' }))).toBeUndefined();
    const behind = offline({ configuration: flake });
    const online = { ...behind.online, target: `${target} through root@jump:22` };
    expect(command({ ...behind, online })).toBeUndefined();
  });
});

describe('what else there is', () => {
  test('a kexec image to pin, a hardware configuration to commit', () => {
    const of = { ...keys(newKey), kexecSha256: 'abc', hardwareConfig: '/w/web-1.json' };
    for (const outcome of ['installed', 'prepared'] as const) {
      expect(nextOf(outcome, of)).toContain('<code>kexec-sha256: abc</code>');
      expect(nextOf(outcome, of)).toMatch(/described itself in <code>\/w\/web-1\.json<\/code>.*Commit it/);
    }
    expect(nextOf('failed', of)).not.toMatch(/kexec-sha256|Commit/);
  });

  test('a run that has prepared says where the machine waits', () => {
    expect(nextOf('prepared', { targetState: 'installer' })).toContain(
      'runs the installer in its memory, and',
    );
    expect(nextOf('prepared', { targetState: 'partitioned' })).toContain(
      'with its disks partitioned and mounted',
    );
  });

  test('a plan: how to have it done', () => {
    const plan = planWith();
    expect(nextOf('planned', {}, plan)).toContain(
      `without <code>plan</code> and with this input, or approve the job of the workflow that does so:\n\n\`\`\`text\napproved-plan: ${planDigest(plan)}\n\`\`\``,
    );
    expect(nextOf('planned', {}, planWith({ action: 'nothing' }))).toBe('');
  });

  test('a provisional plan is approved only with the disks that may be wiped', () => {
    const provisional = { ...planFor().offline, provisional: true };
    for (const mayWipe of [null, 'any'] as const)
      expect(nextOf('planned', {}, planWith({ offline: provisional, mayWipe }))).toMatch(
        /cannot be approved/,
      );
    expect(nextOf('planned', {}, planWith({ offline: provisional, mayWipe: ['/dev/sda'] }))).toContain(
      'approved-plan: sha256:',
    );
  });

  test('nothing where no machine had its part', () => {
    for (const outcome of ['built', 'tested', 'planned', 'failed', 'listed'] as const)
      expect(nextSection(new Progress().result(outcome))).toEqual([]);
    const { offline } = planFor();
    const built = { ...new Progress().result('planned'), plan: { offline, online: null, work: null } };
    expect(nextSection(built)).toEqual([]);
  });
});
