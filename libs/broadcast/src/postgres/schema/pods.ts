/**
 * The functions of pods' leases. A lease that has only run out continues: nothing is lost until another pod has claimed to sweep
 * this one.
 *
 * @param s the name of the schema.
 */
export function pods(s: string): string {
  return `
-- Renews a pod's lease. Returns its birth, whether another pod is sweeping it, the clock, and the dead pods that it has claimed.
-- A pod is dead if its lease has run out while the server was reachable all the time: after a break every pod has the time of a
-- lease to return.
create function ${s}.beat_1(pod text, nonce text, lease bigint, claim bigint, away bigint)
returns table (birth text, is_contested boolean, now bigint, dead text[]) language plpgsql volatile as $$
#variable_conflict use_column
declare
  -- Not called watch: within an update that would be the table's row.
  seen ${s}.watch;
  own ${s}.pod;
  claimed text[] := '{}';
  t bigint;
begin
  insert into ${s}.watch values (true) on conflict do nothing;
  select * into seen from ${s}.watch for no key update;
  t := ${s}.now_1();
  if seen.since = 0 or t < seen.last or t - seen.last > away then seen.since := t; end if;
  update ${s}.watch set last = t, since = seen.since;

  select * into own from ${s}.pod p where p.name = beat_1.pod for no key update;
  insert into ${s}.pod as p (name, birth, until) values (beat_1.pod, nonce, t + lease)
    on conflict (name) do update set until = excluded.until, birth = case when p.birth = '' then nonce else p.birth end;
  if own.name is not null and own.until > t and t - seen.since >= lease then
    with free as (
      select p.name from ${s}.pod p where p.until <= t and p.sweep_until <= t order by p.name limit 10 for no key update skip locked
    ), taken as (
      -- A pod without a birth begins again if it returns.
      update ${s}.pod p set sweeper = beat_1.pod, sweep_until = t + claim, birth = '' from free where p.name = free.name
      returning p.name
    )
    select coalesce(array_agg(taken.name), '{}') into claimed from taken;
  end if;
  return query
    select p.birth, p.sweep_until > t, t, claimed from ${s}.pod p where p.name = beat_1.pod;
end $$;

-- Renews the claim to sweep a pod. Returns false if another pod has it, or if the pod is back or forgotten; then it is released.
create function ${s}.claim_1(pod text, dead text, claim bigint) returns boolean language plpgsql volatile as $$
#variable_conflict use_column
declare
  other ${s}.pod;
  t bigint := ${s}.now_1();
begin
  select * into other from ${s}.pod p where p.name = claim_1.dead for no key update;
  if not found or (other.sweep_until > t and other.sweeper <> claim_1.pod) then return false; end if;
  update ${s}.pod p set
      sweeper = case when p.until <= t then claim_1.pod end, sweep_until = case when p.until <= t then t + claim else 0 end
    where p.name = claim_1.dead;
  return other.until <= t;
end $$;

-- Releases the claim and forgets the swept pod, unless it is back.
create function ${s}.forget_1(dead text) returns void language plpgsql volatile as $$
declare
  t bigint := ${s}.now_1();
begin
  delete from ${s}.subscription where pod = dead;
  delete from ${s}.pod where name = dead and until <= t;
  update ${s}.pod set sweeper = null, sweep_until = 0 where name = dead;
end $$;
`;
}
