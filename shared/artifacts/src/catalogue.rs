use std::sync::Arc;

use catalog::Catalog;
use pipeline::port::ReadObjects;
use runtime::TaskError;

use crate::read_small;

/// The catalogue that a cell works with: the one at `key` among its artifacts, which an operator put there
/// (DESIGN, "The shape": a user's own catalogue can take its place), or the built-in one.
///
/// # Errors
/// It cannot be read, which may pass, or it does not hold or says nothing of the handover, which will not.
pub async fn catalogue(objects: &impl ReadObjects, key: Option<&str>) -> Result<Arc<Catalog>, TaskError> {
    let Some(key) = key else { return Ok(Catalog::builtin()) };
    let text = read_small(objects, key).await?;
    let text = str::from_utf8(&text).map_err(TaskError::permanent)?;
    let catalog = Catalog::parse(text).map_err(TaskError::permanent)?;
    if catalog.handover().is_none() {
        return Err(TaskError::permanent(
            "the cell's catalogue lacks the tables [tenancy] and [handover], or one of them",
        ));
    }
    Ok(Arc::new(catalog))
}
