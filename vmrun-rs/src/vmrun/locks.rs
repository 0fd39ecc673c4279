//! Serialises what must not run at once: changes to one machine, clones of one parent, changes to one virtual network.
//!
//! The registry is shared by the whole process, so two [`Vmrun`](super::Vmrun)s agree.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

static LOCKS: LazyLock<Mutex<HashMap<String, Weak<AsyncMutex<()>>>>> = LazyLock::new(Mutex::default);

/// Waits for its turn with everything of this name.
pub(crate) async fn lock(key: &str) -> OwnedMutexGuard<()> {
    let mutex = {
        let mut locks = LOCKS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mutex) = locks.get(key).and_then(Weak::upgrade) {
            mutex
        } else {
            locks.retain(|_, mutex| mutex.strong_count() > 0);
            let mutex = Arc::new(AsyncMutex::new(()));
            locks.insert(key.to_owned(), Arc::downgrade(&mutex));
            mutex
        }
    };
    mutex.lock_owned().await
}

/// The name of a machine's lock.
pub(crate) fn machine_key(vmx: &Path) -> String {
    format!("vm:{}", crate::path::comparable(vmx))
}

/// The name of a virtual network's lock.
pub(crate) fn network_key(network: &str) -> String {
    format!("net:{}", network.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_name_is_exclusive_and_another_is_free() {
        let first = lock("test-a").await;
        let _other = lock("test-b").await;
        let waiting = tokio::spawn(lock("test-a"));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        waiting.await.unwrap();
    }
}
