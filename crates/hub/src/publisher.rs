//! The way into a hub's shared topic, as a sink.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_sink::Sink;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;

use crate::command::Command;
use crate::error::Closed;
use crate::message::Message;
use crate::name::TopicName;

/// Publishes into a hub's shared topic: the writing side of a [`Client`](crate::Client) that registered.
///
/// As a [`Sink`] it reserves a place in the hub's queue in `poll_ready`, which waits while that is full, and keeps it
/// until the message is sent. Flushing does nothing, as the hub takes what is in its queue by itself.
pub struct Publisher<M> {
    commands: PollSender<Command<M>>,
    topic: TopicName,
}

impl<M: Message> Publisher<M> {
    pub(crate) fn new(commands: mpsc::Sender<Command<M>>, topic: TopicName) -> Self {
        Self { commands: PollSender::new(commands), topic }
    }

    /// Sends a message to every client; the same as [`Hub::broadcast`](crate::Hub::broadcast).
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed, or this publisher as a sink.
    pub async fn publish(&self, message: M) -> Result<(), Closed> {
        let commands = self.commands.get_ref().ok_or(Closed)?;
        commands.send(Command::publish(self.topic.clone(), message)).await.map_err(|_| Closed)
    }
}

impl<M: Message> Sink<M> for Publisher<M> {
    type Error = Closed;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.commands.poll_reserve(cx).map_err(|_| Closed)
    }

    fn start_send(mut self: Pin<&mut Self>, message: M) -> Result<(), Closed> {
        // The channel takes a message into a reserved place even when nobody will ever receive it.
        if self.commands.get_ref().is_some_and(mpsc::Sender::is_closed) {
            return Err(Closed);
        }
        let command = Command::publish(self.topic.clone(), message);
        self.commands.send_item(command).map_err(|_| Closed)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.commands.close();
        Poll::Ready(Ok(()))
    }
}

impl<M> Clone for Publisher<M> {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone(), topic: self.topic.clone() }
    }
}

impl<M> fmt::Debug for Publisher<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").finish_non_exhaustive()
    }
}
