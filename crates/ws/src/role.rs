/// Which end of a connection this is. All that differs between the two is asked of it: who masks, whose half of the agreement
/// on compression is whose, and who ends the TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client,
}
