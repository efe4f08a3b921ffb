//! What undoing did and met, as the API shows it.

use pipeline::undo::{ObstacleKind, UndoCounts, UndoObstacle, UndoObstacles, UndoReport};
use transfer::undo::{ModelUndo, Obstacle, Obstacles};

/// What it did, or would do.
pub(crate) fn report(report: &transfer::undo::UndoReport) -> UndoReport {
    let models = report.models.iter().map(|(model, counted)| (model.clone(), counts(counted)));
    UndoReport { total: counts(&report.total()), models: models.collect() }
}

fn counts(model: &ModelUndo) -> UndoCounts {
    let ModelUndo { deleted, restored, changed_since, cascaded, nulled, already_gone } = *model;
    UndoCounts { deleted, restored, changed_since, cascaded, nulled, already_gone }
}

/// What stands in its way.
pub(crate) fn obstacles(obstacles: &Obstacles) -> UndoObstacles {
    UndoObstacles { count: obstacles.total(), first: obstacles.named.iter().map(obstacle).collect() }
}

fn obstacle(obstacle: &Obstacle) -> UndoObstacle {
    let (kind, model, pk) = match obstacle {
        Obstacle::Dependent { model, pk, .. } => (ObstacleKind::Dependent, model, pk),
        Obstacle::Changed { model, pk } => (ObstacleKind::Changed, model, pk),
        Obstacle::Taken { model, holder, .. } => (ObstacleKind::Taken, model, holder),
    };
    UndoObstacle { kind, model: model.clone(), id: pk.unsigned_abs(), detail: obstacle.to_string() }
}
