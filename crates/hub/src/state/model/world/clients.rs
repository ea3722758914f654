//! What clients do, and what is done to them.

use super::*;

impl World {
    pub(super) fn connect(&mut self, slot: Slot, outlet: Option<usize>) {
        if self.clients.contains_key(&slot) {
            return;
        }
        let user = ["ann", "ann", "bob", "cid", ""][slot];
        let id = ClientId(self.next_client);
        self.next_client += 1;
        let mut identity = match user {
            "" => Identity::default(),
            user => Identity::user(UserId::new(user).unwrap()),
        };
        let mut matches = vec![Audience::ExceptClient(id)];
        matches.extend(identity.user_id().cloned().map(Audience::ExceptUser));
        if slot.is_multiple_of(2) {
            identity = identity.tag(staff());
            matches.push(Audience::Tagged(staff()));
        }
        let inbox = Arc::new(Inbox::new(id, identity, self.conf.max_direct.get(), self.counters.clone()));
        let (reply, mut answer) = oneshot::channel();
        self.state.handle(Command::Connect(inbox.clone(), reply), self.now);

        let of_user = |other: &Slot| !user.is_empty() && ["ann", "ann", "bob", "cid", ""][*other] == user;
        let others: Vec<_> = self.connected.iter().copied().filter(of_user).collect();
        let limit = self.conf.max_clients_per_user;
        let is_excess = !user.is_empty() && limit > 0 && others.len() >= limit;
        if is_excess && self.conf.excess_clients == Excess::Refuse {
            assert_eq!(answer.try_recv(), Ok(Err(Error::TooManyClients)));
            return;
        }
        assert_eq!(answer.try_recv(), Ok(Ok(())));
        if is_excess {
            self.connected.retain(|other| *other != others[0]);
            self.reference.end(others[0], Cause::Replaced);
            self.reference.leave_all(others[0], false, self.now);
        }
        let room = outlet.map(|room| Arc::new(Room { room: Mutex::new(room), ..Room::default() }));
        if let Some(room) = &room {
            inbox.attach(room.clone());
        }
        let user = (!user.is_empty()).then(|| user.to_owned());
        let person = Person { user, matches, room: outlet, ..Person::default() };
        self.reference.people.insert(slot, person);
        self.clients.insert(slot, Client { inbox, seats: Seats::new(), outlet: room, seen: 0 });
        self.connected.push(slot);
    }

    pub(super) fn drop(&mut self, slot: Slot, is_clean: bool) {
        let Some(client) = self.clients.remove(&slot) else { return };
        if is_clean {
            client.inbox.leave_all(Parting::Clean);
        }
        client.inbox.go();
        self.leaver.send(Leave::Hub(client.inbox.clone())).unwrap();
        drop(client);
        self.reference.leave_all(slot, is_clean, self.now);
        self.reference.people.remove(&slot);
        self.connected.retain(|other| *other != slot);
        self.views.retain(|(viewer, _), _| *viewer != slot);
    }

    pub(super) fn join(&mut self, slot: Slot, topic: &str, from: Whence) {
        let Some(client) = self.clients.get_mut(&slot) else { return };
        let name = TopicName::new(topic).unwrap();
        if client.inbox.ended().is_some() || client.inbox.reserve(&name, 100).is_err() {
            return;
        }
        let back = self.positions.get(&(slot, topic.to_owned()));
        let (join, from) = match (from, back) {
            (Whence::Last(count), _) => (Join::new().history(count), From::Last(count)),
            (Whence::Back, Some(position)) => (Join::new().since(*position), From::After(*position)),
            (Whence::Now | Whence::Back, _) => (Join::new(), From::Now),
        };
        let (inbox, is_refused) = (client.inbox.clone(), self.is_refused(topic));
        let (reply, mut answer) = oneshot::channel();
        self.state.handle(Command::Join { topic: name.clone(), inbox: inbox.clone(), join, reply }, self.now);
        if is_refused {
            assert_eq!(answer.try_recv().unwrap().err(), Some(Error::NoMoreTopics));
            inbox.forget(&name);
            return;
        }
        let recovered = self.reference.join(slot, topic, from, self.now);
        let client = self.clients.get_mut(&slot).unwrap();
        let (membership, joined) = answer.try_recv().unwrap().unwrap().unwrap();
        client.inbox.joined(membership.member());
        client.seats.sit(membership);
        assert_eq!(joined.recovered, recovered, "whether {slot} gets all that it missed");
        let room = self.reference.room(topic);
        assert_eq!(*room.epoch.get_or_insert(joined.position.epoch), joined.position.epoch);
        if !recovered || back.is_none() {
            self.positions.insert((slot, topic.to_owned()), joined.position);
        }
        self.views.insert((slot, topic.to_owned()), joined.presence.as_ref().map(view));
    }

    pub(super) fn leave(&mut self, slot: Slot, topic: &str) {
        let Some(client) = self.clients.get(&slot) else { return };
        let Some(member) = client.inbox.forget(&TopicName::new(topic).unwrap()) else { return };
        member.leave(Parting::Clean);
        client.inbox.push(Item::Left(member, None));
        self.reference.leave(slot, topic, true, self.now);
        if let Some(person) = self.reference.people.get_mut(&slot).filter(|person| person.ended.is_none()) {
            person.lane.push_back(Heard::Gone(topic.to_owned()));
        }
    }

    pub(super) fn send(&mut self, to: To) {
        let message = Said { number: 0, weight: 1 };
        let (reply, mut answer) = oneshot::channel();
        let (whom, slots) = self.whom(to);
        self.state.handle(Command::Send(whom, message, reply), self.now);
        assert_eq!(answer.try_recv(), Ok(Ok(slots.len())));
        for slot in slots {
            let person = self.reference.people.get_mut(&slot).unwrap();
            if person.ended.is_none() && person.lane.len() < self.conf.max_direct.get() {
                person.lane.push_back(Heard::Direct(0));
            } else if person.ended.is_none() {
                self.reference.end(slot, Cause::TooMuchDirect);
                self.reference.leave_all(slot, false, self.now);
            }
        }
    }

    pub(super) fn kick(&mut self, to: To) {
        let (reply, mut answer) = oneshot::channel();
        let (whom, slots) = self.whom(to);
        self.state.handle(Command::Kick(whom, reply), self.now);
        assert_eq!(answer.try_recv(), Ok(Ok(slots.len())));
        for slot in slots {
            self.reference.end(slot, Cause::Kicked);
            self.reference.leave_all(slot, true, self.now);
        }
    }

    pub(super) fn unsubscribe(&mut self, to: To, topic: &str) {
        let (reply, mut answer) = oneshot::channel();
        let (whom, slots) = self.whom(to);
        let name = TopicName::new(topic).unwrap();
        self.state.handle(Command::Unsubscribe(whom, name, Reason::Unsubscribed, reply), self.now);
        let mut count = 0;
        for slot in slots {
            if self.reference.leave(slot, topic, true, self.now) {
                self.reference.people.get_mut(&slot).unwrap().lane.push_back(Heard::Left(topic.to_owned()));
                count += 1;
            }
        }
        assert_eq!(answer.try_recv(), Ok(Ok(count)));
    }

    fn whom(&self, to: To) -> (Whom, Vec<Slot>) {
        match to {
            To::Client(slot) => {
                let id = self.clients.get(&slot).map_or(ClientId(0), |client| client.inbox.id);
                (Whom::Client(id), self.connected.iter().copied().filter(|other| *other == slot).collect())
            }
            To::UserOf(slot) => {
                let user = ["ann", "ann", "bob", "cid", "dan"][slot];
                let is_of = |other: &Slot| ["ann", "ann", "bob", "cid", ""][*other] == user;
                let slots = self.connected.iter().copied().filter(is_of).collect();
                (Whom::User(UserId::new(user).unwrap()), slots)
            }
        }
    }
}
