/**
 * The functions of presence and of the connection directory. `body` is the member or the connection as JSON.
 *
 * @param s the name of the schema.
 */
export function members(s: string): string {
  return `
-- Locks the presence of a channel, and returns the number of its members.
create function ${s}.presence_1(channel text) returns integer language plpgsql volatile as $$
#variable_conflict use_column
declare
  members integer;
begin
  loop
    select p.count into members from ${s}.presence p where p.channel = presence_1.channel for no key update;
    if found then return members; end if;
    insert into ${s}.presence (channel) values (presence_1.channel) on conflict do nothing;
  end loop;
end $$;

-- Stores a member of a locked channel, and announces it if it is new or has changed.
create function ${s}.add_member_1(channel text, client text, pod text, holder text, body text, since bigint)
returns table (is_new boolean, changed boolean) language plpgsql volatile as $$
#variable_conflict use_column
declare
  former text;
begin
  select m.body into former from ${s}.member m where m.channel = add_member_1.channel and m.client = add_member_1.client;
  insert into ${s}.member as m (channel, client, pod, holder, since, body)
    values (add_member_1.channel, add_member_1.client, add_member_1.pod, add_member_1.holder, add_member_1.since, add_member_1.body)
    on conflict (channel, client) do update
      set pod = excluded.pod, holder = excluded.holder, since = excluded.since, body = excluded.body;
  if former is distinct from add_member_1.body then
    insert into ${s}.event (at, kind, channel, body) values (${s}.now_1(), 'j', add_member_1.channel, add_member_1.body);
  end if;
  return query select former is null, former is distinct from add_member_1.body;
end $$;

create function ${s}.join_1(channel text, client text, pod text, holder text, body text)
returns table (changed boolean, count integer, since bigint) language plpgsql volatile as $$
#variable_conflict use_column
declare
  members integer := ${s}.presence_1(channel);
  t bigint := ${s}.now_1();
  added record;
begin
  select * into added from ${s}.add_member_1(join_1.channel, join_1.client, join_1.pod, join_1.holder, join_1.body, t);
  if added.is_new then
    members := members + 1;
    update ${s}.presence p set count = members where p.channel = join_1.channel;
  end if;
  return query select added.changed, members, t;
end $$;

-- Restores members, except those that a later holder has. The first row has how many belong to the pod now, and how many members
-- of the pod the channel has. The others have the index of each announced one, and the number of members after it.
create function ${s}.rejoin_1(channel text, pod text, clients text[], holders text[], bodies text[], sinces bigint[])
returns table (index integer, count integer) language plpgsql volatile as $$
#variable_conflict use_column
declare
  members integer := ${s}.presence_1(channel);
  before integer := members;
  own integer := 0;
  announced integer[] := '{}';
  counts integer[] := '{}';
  added record;
begin
  for item in 1 .. cardinality(clients) loop
    continue when exists (
      select from ${s}.member m where m.channel = rejoin_1.channel and m.client = clients[item]
        and m.holder <> holders[item] and m.since >= sinces[item]
    );
    select * into added
      from ${s}.add_member_1(rejoin_1.channel, clients[item], rejoin_1.pod, holders[item], bodies[item], sinces[item]);
    own := own + 1;
    if added.is_new then members := members + 1; end if;
    if added.changed then
      announced := announced || item;
      counts := counts || members;
    end if;
  end loop;
  if members <> before then update ${s}.presence p set count = members where p.channel = rejoin_1.channel; end if;
  return query select own, (
    select count(*)::integer from ${s}.member m where m.channel = rejoin_1.channel and m.pod = rejoin_1.pod
  );
  return query select * from unnest(announced, counts);
end $$;

-- Removes clients of a channel if they belong to the pod, and announces it: all of them with clients, otherwise some. Returns the
-- members, each with the number of members after it.
create function ${s}.evict_1(channel text, pod text, clients text[], most integer)
returns table (count integer, body text) language plpgsql volatile as $$
#variable_conflict use_column
declare
  members integer := ${s}.presence_1(channel);
  removed record;
begin
  for removed in
    delete from ${s}.member m where m.channel = evict_1.channel and m.client = any (array(
      select o.client from ${s}.member o
      where o.channel = evict_1.channel and o.pod = evict_1.pod and (clients is null or o.client = any (clients)) limit most
    )) returning m.body
  loop
    members := members - 1;
    insert into ${s}.event (at, kind, channel, body) values (${s}.now_1(), 'l', evict_1.channel, removed.body);
    return query select members, removed.body;
  end loop;
  if members > 0 then update ${s}.presence p set count = members where p.channel = evict_1.channel;
  else delete from ${s}.presence p where p.channel = evict_1.channel; end if;
end $$;

create function ${s}.leave_1(channel text, client text, holder text)
returns table (changed boolean, count integer) language plpgsql volatile as $$
#variable_conflict use_column
declare
  members integer := ${s}.presence_1(channel);
  former text;
begin
  delete from ${s}.member m
    where m.channel = leave_1.channel and m.client = leave_1.client and m.holder = leave_1.holder returning m.body into former;
  if former is not null then
    members := members - 1;
    insert into ${s}.event (at, kind, channel, body) values (${s}.now_1(), 'l', leave_1.channel, former);
  end if;
  if members > 0 then update ${s}.presence p set count = members where p.channel = leave_1.channel;
  else delete from ${s}.presence p where p.channel = leave_1.channel; end if;
  return query select former is not null, members;
end $$;

-- The first row has the number of all members. The others are those who joined first.
create function ${s}.members_1(channel text, most bigint, max_bytes bigint)
returns table (count integer, body text) language sql stable as $$
  select coalesce((select p.count from ${s}.presence p where p.channel = members_1.channel), 0), null
  union all
  select null, l.body from (
    select m.body, sum(octet_length(m.body)) over (order by m.seq) as bytes
    from ${s}.member m where m.channel = members_1.channel order by m.seq limit most
  ) l where l.bytes <= max_bytes
$$;

-- Returns since when the holder has the client.
create function ${s}.register_1(owner text, client text, pod text, holder text, body text) returns bigint language sql volatile as $$
  insert into ${s}.connection (owner, client, pod, holder, since, body)
    values (register_1.owner, register_1.client, register_1.pod, register_1.holder, ${s}.now_1(), register_1.body)
    on conflict (owner, client) do update
      set pod = excluded.pod, holder = excluded.holder, since = excluded.since, body = excluded.body
    returning since
$$;

-- Restores connections, except those that a later holder has. Returns how many belong to the pod now, and how many connections of
-- the pod the user has.
create function ${s}.reregister_1(owner text, pod text, clients text[], holders text[], bodies text[], sinces bigint[])
returns table (own integer, total integer) language plpgsql volatile as $$
#variable_conflict use_column
declare
  restored integer;
begin
  insert into ${s}.connection as c (owner, client, pod, holder, since, body)
    select reregister_1.owner, u.client, reregister_1.pod, u.holder, u.since, u.body
    from unnest(clients, holders, bodies, sinces) as u (client, holder, body, since) order by u.client
    on conflict (owner, client) do update
      set pod = excluded.pod, holder = excluded.holder, since = excluded.since, body = excluded.body
      where c.holder = excluded.holder or c.since < excluded.since;
  get diagnostics restored = row_count;
  return query select restored, (
    select count(*)::integer from ${s}.connection c where c.owner = reregister_1.owner and c.pod = reregister_1.pod
  );
end $$;
`;
}
