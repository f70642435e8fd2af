/**
 * Prints the commits since a tag, by default the last one, that have a trailer `Changelog: Added` or the like, as sections of
 * CHANGELOG.md.
 */
import { execFileSync } from 'node:child_process';

/** The sections of Keep a Changelog. */
const SECTIONS = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];

const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();

const since = process.argv[2] ?? git('tag', '--list', 'v*', '--sort', '-version:refname').split('\n')[0] ?? '';
const range = since === '' ? 'HEAD' : `${since}..HEAD`;
const format = '%(trailers:key=Changelog,valueonly,separator=%x2C)%x09%s';
const commits = git('log', '--no-merges', '--reverse', `--format=${format}`, range).split('\n');

for (const section of SECTIONS) {
  const lines = commits.flatMap((commit) => {
    const [kind, subject] = commit.split('\t');
    return kind === section ? [`- ${subject}.`] : [];
  });
  if (lines.length > 0) console.log(`### ${section}\n\n${lines.join('\n')}\n`);
}
