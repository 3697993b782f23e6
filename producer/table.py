"""The table of commands, from which `vaejob --help` is written without importing any of them."""

from __future__ import annotations

from vae_core.command_table import Entry

PACKAGE = "producer.commands"

COMMANDS = {
    "sample": Entry("Submit", "submit", "Draw new car images."),
    "reconstruct": Entry("Submit", "submit", "Encode and decode the images of a bucket or folder."),
    "interpolate": Entry("Submit", "interpolate", "Walk between images, or between random cars."),
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
