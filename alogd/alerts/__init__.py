"""From odd windows to alerts: one incident per cause, with its evidence, less what must not be shown."""
