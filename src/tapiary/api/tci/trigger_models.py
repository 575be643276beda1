"""The wire models of triggers. Times are Unix seconds; moments of rows (`_ms`) are milliseconds, as in queries."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel

from tapiary.api.tci.shapes import Model, Parameters, Text

Severity = Literal["Info", "Low", "Medium", "High", "Critical"]
Identifier = Annotated[str, Field(max_length=64, description="A trigger's id, as 3f0a22c4-9b1d7e60-5a6c8d01")]
Name = Annotated[Text, Field(min_length=1, max_length=255)]
#: A year.
Seconds = Annotated[int, Field(ge=0, le=366 * 86_400)]


class TriggerPath(Parameters):
    """The trigger in the path."""

    trigger_id: Identifier


class TrialQuery(Parameters):
    """How far a trial looks back."""

    last_s: Annotated[
        int | None, Field(ge=1, le=366 * 86_400, description="Seconds; without: the trigger's window, else an hour")
    ] = None


class TriggerCondition(Model):
    """What rows must be like for the trigger to fire; without a field, how many there are."""

    field: Annotated[Name | None, Field(description="A field of the rows; null: the number of rows")] = None
    op: Literal["=", "!=", ">", ">=", "<", "<="] = ">"
    value: int | float | Text | bool = 0


class TriggerWebhook(Model):
    """Where a message goes for each alert."""

    url: Annotated[Text, Field(min_length=1, max_length=4096, description="Its host must be in alerts.webhook_hosts")]
    format: Literal["json", "slack", "teams"] = "json"


class TriggerCapture(Model):
    """The capture job that each alert orders; the members are those of a job."""

    drones: Annotated[list[Text], Field(min_length=1, max_length=1000, description='Names, or `["*"]`')]
    duration: Annotated[int, Field(ge=1, le=366 * 86_400, description="Seconds")]
    max_capture_data: Annotated[int, Field(ge=1, le=1 << 62, description="Bytes")]
    filter: Annotated[
        Text, Field(max_length=4096, description="As tcpdump's, with the row's addresses and numbers as `${field}`")
    ] = ""
    priority: Literal[1, 0, -1] = 0
    script_name: Text | None = None
    script_args: Annotated[Text, Field(max_length=50)] = ""


class NewTrigger(Model):
    """A trigger to be."""

    name: Name
    query: Annotated[Text, Field(min_length=1, max_length=65_536, description="NQL")]
    description: Annotated[Text, Field(max_length=4096)] = ""
    active: bool = True
    condition: TriggerCondition = TriggerCondition()
    interval_s: Annotated[Seconds, Field(description="Seconds between two runs; 0: not by the clock")] = 60
    on_new_data: Annotated[bool, Field(description="Whether it runs as soon as there are new rows")] = False
    window_s: Annotated[
        Seconds, Field(description="Seconds that a run looks back; 0: at what is new, each row an event")
    ] = 0
    by: Annotated[list[Name], Field(default_factory=list, max_length=16, description="Fields that make alerts differ")]
    cooldown_s: Annotated[
        Seconds | None, Field(description="Seconds within which the same values of `by` give one alert; null: window_s")
    ] = None
    severity: Severity = "Medium"
    title: Annotated[
        Text, Field(max_length=1000, description="The alerts' name, with the row's `${field}`; empty: the trigger's")
    ] = ""
    webhooks: Annotated[list[TriggerWebhook], Field(default_factory=list, max_length=8)]
    capture: TriggerCapture | None = None


class TriggerChange(NewTrigger):
    """What changes of a trigger; what is not given stays."""

    name: Name = ""
    query: Annotated[Text, Field(min_length=1, max_length=65_536)] = ""


class Trigger(NewTrigger):
    """A trigger, and what it has done."""

    id: Identifier
    owner: str
    created_at: float
    modified_at: float
    modified_by: str
    ran_at: float | None
    fired_at: float | None
    next_at: Annotated[float | None, Field(description="When it runs next by the clock")]
    runs: int
    error: Annotated[str, Field(description="Why the latest run failed, empty when it did not")]


class Triggers(RootModel[list[Trigger]]):
    """Triggers, the oldest first."""


class Finding(Model):
    """An alert that there would be."""

    name: str
    event_ms: int
    rows: Annotated[int, Field(description="Rows that it stands for")]
    fields: dict[str, Any]


class Trial(Model):
    """What a trigger finds."""

    start_ms: int
    end_ms: int
    rows: int
    seconds: float
    alerts: list[Finding]
    left_out: Annotated[int, Field(description="Alerts beyond those that one run may write")]
