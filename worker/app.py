"""The only Celery app: made for one role, with that role's tasks."""

from __future__ import annotations

from celery import Celery

from vae_core.jobs.channels import Channels, celery_options
from vae_core.settings import Settings
from worker.outages import PROBE_KEY, Queues, forgive_failed_acknowledgements


def make_app(settings: Settings) -> Celery:
    """The app, without tasks. Nothing is connected yet.

    A message is acknowledged when its task is over, also when the task failed or its process died: what is to be done
    again, the reconciler finds in the bucket, and a part that kills its worker is not delivered without end.
    """
    forgive_failed_acknowledgements()
    app = Celery("vaejob", amqp=Queues)
    channels = Channels(settings.queue)
    options = celery_options(settings.broker_url)
    app.conf.update(
        options,
        broker_transport_options={**options["broker_transport_options"], PROBE_KEY: channels.probe},
        broker_channel_error_retry=True,  # a Redis that refuses is waited for like one that is away
        task_default_queue=channels.control_queue,
        task_acks_late=True,
        task_acks_on_failure_or_timeout=True,
        task_reject_on_worker_lost=False,
        task_track_started=False,
        worker_prefetch_multiplier=1,
        worker_lost_wait=1.0,  # a child never leaves a result behind that would have to be waited for
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_max_retries=None,
    )
    return app
