"""The table of commands, from which `vaejob --help` is written without importing any of them."""

from __future__ import annotations

from vae_core.command_table import Entry

PACKAGE = "producer.commands"

COMMANDS = {
    "sample": Entry("Submit", "submit", "Draw new car images."),
    "reconstruct": Entry("Submit", "submit", "Encode and decode the images of a bucket or folder."),
    "interpolate": Entry("Submit", "interpolate", "Walk between images, or between random cars."),
    "schedule": Entry("Submit", "schedule", "Have a job done every night, or whenever a cron line says."),
    "status": Entry("Look", "look", "Show one job."),
    "watch": Entry("Look", "look", "Follow a job until it ends."),
    "list": Entry("Look", "look", "List the newest jobs."),
    "errors": Entry("Look", "look", "List the items of a job that could not be made."),
    "fetch": Entry("Look", "fetch", "Download the results of a job."),
    "verify": Entry("Look", "verify", "Prove that the results of a job are complete and unchanged."),
    "open": Entry("Look", "page", "Show the page of a job in the browser."),
    "cancel": Entry("Steer", "steer", "Stop a job."),
    "pause": Entry("Steer", "steer", "Let no more parts of a job begin."),
    "resume": Entry("Steer", "steer", "Let a paused job go on, start a failed or cancelled one again."),
    "rm": Entry("Steer", "rm", "Remove jobs with all their results."),
    "workers": Entry("Set up", "fleet", "List the living workers and the queues."),
    "doctor": Entry("Set up", "fleet", "Check Redis, store, workers, device and checkpoint."),
    "bench": Entry("Set up", "bench", "Measure how fast the workers are."),
    "completion": Entry("Set up", "completion", "Print the completion script of a shell."),
}

SCHEDULE_COMMANDS = {
    "add": Entry("Make", "schedule_add", "Add a schedule: a cron line, a time zone, and a job."),
    "list": Entry("Look", "schedule_look", "List all schedules, with the next run and the last result of each."),
    "show": Entry("Look", "schedule_look", "Show one schedule."),
    "history": Entry("Look", "schedule_look", "List the newest runs of a schedule."),
    "run": Entry("Steer", "schedule_steer", "Run a schedule now."),
    "pause": Entry("Steer", "schedule_steer", "Have the slots of a schedule skipped until it is resumed."),
    "resume": Entry("Steer", "schedule_steer", "Let a paused schedule run again from its next slot on."),
    "rm": Entry("Steer", "schedule_steer", "Remove a schedule; its jobs stay."),
}
